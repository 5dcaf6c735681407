package import Foundation
import Synchronization

/// A program started by this one, in a process group of its own: a Ctrl-C meant for us does not reach it.
///
/// What it prints goes to unnamed temporary files, so that no amount of it blocks, and a grandchild that keeps them open
/// keeps nobody waiting. The child stays a zombie until `wait` has collected it, so `signal` cannot hit a stranger.
package final class ChildProcess: Sendable {
    /// What the child reads.
    package enum Input: Sendable {
        /// Nothing.
        case none
        /// These bytes.
        case bytes([UInt8])
        /// An open file, of which the child gets a copy.
        case descriptor(Int32)
    }

    /// What is known of a child that has ended.
    package struct Output: Sendable {
        /// The exit status, or 128 and the signal that killed it, as shells count.
        package var status: Int32
        package var standardOutput: [UInt8]
        package var standardError: [UInt8]

        /// Both streams as text, without white space around it.
        package var message: String {
            String(decoding: standardOutput + standardError, as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    package let processID: pid_t
    private let standardOutputFile: FileHandle
    private let standardErrorFile: FileHandle
    private let status = Mutex<Int32?>(nil)

    /// Starts a program.
    ///
    /// - Parameter executable: a path; `PATH` is not searched.
    /// - Throws: a `POSIXError` when it cannot be started.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], input: Input = .none
    ) throws {
        standardOutputFile = try Self.unnamedFile()
        standardErrorFile = try Self.unnamedFile()
        let source: FileHandle
        switch input {
        case .none: source = FileHandle.nullDevice
        case .bytes(let bytes):
            source = try Self.unnamedFile()
            try source.write(contentsOf: bytes)
            try source.seek(toOffset: 0)
        case .descriptor(let descriptor): source = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        }
        processID = try Self.spawn(
            [executable] + arguments, environment: environment,
            streams: [source, standardOutputFile, standardErrorFile].map(\.fileDescriptor))
    }

    /// Runs a program to its end.
    package static func run(
        _ executable: String, _ arguments: [String], environment: [String: String], input: Input = .none
    ) throws -> Output {
        let child = try ChildProcess(executable, arguments, environment: environment, input: input)
        let status = child.wait()
        return Output(status: status, standardOutput: child.standardOutput, standardError: child.standardError)
    }

    /// What the child has printed so far.
    package var standardOutput: [UInt8] { Self.contents(standardOutputFile) }
    /// What the child has complained so far.
    package var standardError: [UInt8] { Self.contents(standardErrorFile) }

    /// Sends a signal, unless the child has been collected.
    package func signal(_ number: Int32) {
        status.withLock { if $0 == nil { kill(processID, number) } }
    }

    /// Blocks until the child ends.
    ///
    /// - Returns: its exit status, or 128 and the signal that killed it.
    @discardableResult
    package func wait() -> Int32 {
        if let status = status.withLock(\.self) { return status }
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return collect(options: 0) ?? -1
    }

    /// Blocks until the child ends, for at most `timeout`; nil if it is still running then.
    package func wait(timeout: Duration) -> Int32? {
        let deadline = ContinuousClock.now + timeout
        while true {
            if let status = collect(options: WNOHANG) { return status }
            if ContinuousClock.now >= deadline { return nil }
            usleep(5_000)
        }
    }

    private func collect(options: Int32) -> Int32? {
        status.withLock { status in
            if let status { return status }
            var raw: Int32 = 0
            guard waitpid(processID, &raw, options) == processID else { return nil }
            let signal = raw & 0x7F
            status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
            return status
        }
    }
}

extension ChildProcess {
    private static func spawn(
        _ arguments: [String], environment: [String: String], streams: [Int32]
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, stream) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
        }
        for descriptor in openDescriptors where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let argumentPointers = arguments.map { strdup($0) } + [nil]
        let environmentPointers = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argumentPointers + environmentPointers).forEach { free($0) } }
        var processID: pid_t = 0
        let outcome = posix_spawn(
            &processID, arguments[0], &actions, &attributes, argumentPointers, environmentPointers)
        guard outcome == 0 else { throw POSIXError(POSIXErrorCode(rawValue: outcome) ?? .EINVAL) }
        return processID
    }

    /// Every open file of this process. A daemon that kept one of them, such as a pipe that our own parent gave us, would
    /// keep its reader waiting for ever.
    private static var openDescriptors: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd")) ?? []).compactMap { Int32($0) }
    }

    /// A temporary file that has no name and vanishes with its last descriptor.
    private static func unnamedFile() throws -> FileHandle {
        var path = Array("\(NSTemporaryDirectory())/octavo.XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        unlink(path)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Everything in a file, without moving the offset, which the child shares.
    private static func contents(_ file: FileHandle) -> [UInt8] {
        var information = stat()
        guard fstat(file.fileDescriptor, &information) == 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(information.st_size)) { buffer, count in
            count = 0
            while count < buffer.count {
                let size = pread(
                    file.fileDescriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count, off_t(count))
                guard size > 0 else { return }
                count += size
            }
        }
    }
}
