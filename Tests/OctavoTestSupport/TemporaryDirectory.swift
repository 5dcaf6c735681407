public import Foundation
import OctavoPostgres

/// Directories for tests, under one root that is removed, with every server in it stopped, when this process ends, even
/// by SIGKILL.
public enum TemporaryDirectory {
    /// Makes an empty directory that any user may enter.
    public static func make() throws -> URL {
        let directory = try root.get().appending(path: UUID().uuidString.prefix(8).lowercased())
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        chmod(directory.path, 0o755)
        return directory
    }

    /// Makes an empty directory, and removes it after `body`.
    public static func with<T>(_ body: (URL) async throws -> T) async throws -> T {
        let directory = try make()
        defer { try? FileManager.default.removeItem(at: directory) }
        return try await body(directory)
    }

    private static let root = Result {
        var path = Array("\(NSTemporaryDirectory())/octavo-tests.XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let root = URL(fileURLWithPath: path.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
            .standardizedFileURL
        chmod(root.path, 0o755)
        try startWatchdog(root)
        return root
    }

    /// Starts a shell that reads from a pipe which only this process holds open, and cleans up at its end.
    private static func startWatchdog(_ root: URL) throws {
        let pipe = Pipe()
        _ = try ChildProcess(
            "/bin/sh", ["-c", cleanup, "sh", root.path], environment: ["PATH": "/usr/bin:/bin"],
            input: .descriptor(pipe.fileHandleForReading.fileDescriptor))
        // Held until the process ends.
        _ = Unmanaged.passRetained(pipe.fileHandleForWriting)
    }

    private static let cleanup = """
        cat > /dev/null
        find "$1" -name postmaster.pid | while read -r file; do
            sockets=$(sed -n 5p "$file")
            kill -QUIT "$(head -n 1 "$file")"
            case $sockets in /tmp/octavo-*) rm -rf "$sockets" ;; esac
        done
        until rm -rf "$1"; do sleep 0.1; done
        """
}
