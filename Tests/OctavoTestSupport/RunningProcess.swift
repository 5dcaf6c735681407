public import Foundation
import OctavoPostgres

/// A program under test. It is killed when the last reference goes.
public final class RunningProcess: Sendable {
    private let child: ChildProcess

    /// Starts a program; it gets this process's environment unless told otherwise.
    ///
    /// - Throws: a `POSIXError` when it cannot be started.
    public init(
        _ executable: URL, _ arguments: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment, standardInput: String = ""
    ) throws {
        child = try ChildProcess(
            executable.path, arguments, environment: environment, input: .bytes(Array(standardInput.utf8)))
    }

    deinit {
        child.signal(SIGKILL)
        child.wait()
    }

    /// The process id.
    public var processID: Int32 { child.processID }
    /// What it has printed so far.
    public var standardOutput: String { String(decoding: child.standardOutput, as: UTF8.self) }
    /// What it has complained so far.
    public var standardError: String { String(decoding: child.standardError, as: UTF8.self) }

    /// Sends a signal (`SIGTERM`, `SIGKILL`, `SIGSTOP`, ...).
    public func signal(_ number: Int32) { child.signal(number) }

    /// Waits until it ends.
    ///
    /// - Returns: the exit status, or 128 and the signal that killed it; nil if it still runs after `timeout`.
    public func wait(timeout: Duration) async -> Int32? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [child] in continuation.resume(returning: child.wait(timeout: timeout)) }
        }
    }
}

/// What a program that has ended left behind.
public struct ProcessOutcome: Hashable, Sendable {
    /// The exit status, or 128 and the signal that killed it.
    public var status: Int32
    /// What it printed.
    public var standardOutput: String
    /// What it complained.
    public var standardError: String
}

/// Runs a program to its end; one that is still running after `timeout` is killed, and has status 137.
public func runProcess(
    _ executable: URL, _ arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment,
    standardInput: String = "", timeout: Duration = .seconds(120)
) async throws -> ProcessOutcome {
    let process = try RunningProcess(
        executable, arguments, environment: environment, standardInput: standardInput)
    var status = await process.wait(timeout: timeout)
    if status == nil {
        process.signal(SIGKILL)
        status = await process.wait(timeout: .seconds(10))
    }
    return ProcessOutcome(
        status: status ?? -1, standardOutput: process.standardOutput, standardError: process.standardError)
}

/// Waits until a condition holds, looking every 10 ms.
///
/// - Returns: whether it held before `timeout` was over.
public func eventually(within timeout: Duration = .seconds(120), _ condition: () async throws -> Bool) async rethrows
    -> Bool
{
    let deadline = ContinuousClock.now + timeout
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return try await condition()
}
