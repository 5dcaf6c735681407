import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// Watches a worker through its trace, to kill it in the midst of decoding, and counts what it computed.
struct WorkerTrace {
    let path: String

    /// Tokens sampled by every process that wrote to the trace, or by one of them.
    func sampledTokens(of process: Int32? = nil) throws -> Int {
        OctavoTestSupport.sampledTokens(inTrace: path, of: process)
    }

    /// Waits until a process has sampled `count` tokens, or has ended.
    ///
    /// - Returns: whether it is still running.
    func wait(for process: RunningProcess, toSample count: Int) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(120)
        while try sampledTokens(of: process.processID) < count {
            if await process.wait(timeout: .zero) != nil { return false }
            try #require(ContinuousClock.now < deadline, "no progress: \(process.standardError)")
            try await Task.sleep(for: .milliseconds(2))
        }
        return await process.wait(timeout: .zero) == nil
    }

    /// Kills a process by SIGKILL once it has sampled `count` tokens.
    ///
    /// - Returns: whether it was killed; else it had ended before.
    func kill(_ process: RunningProcess, afterSampling count: Int) async throws -> Bool {
        guard try await wait(for: process, toSample: count) else { return false }
        process.signal(SIGKILL)
        return try await status(of: process) == 128 + SIGKILL
    }
}

/// The sum of the completion tokens that results report.
func completionTokens(_ results: [JSONValue]) -> Int {
    results.reduce(0) { $0 + ($1["response"]?["body"]?["usage"]?["completion_tokens"]?.integerValue ?? 0) }
}
