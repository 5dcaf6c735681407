import Foundation

/// An output file that appears whole or not at all.
///
/// It is written to a hidden sibling, which is flushed to disk and then renamed: a reader sees the old file or the new
/// one, even after SIGKILL or a power cut. A sibling that a killed process left behind is removed by the next one. What
/// is no regular file (`/dev/null`, a pipe) is written directly.
package final class AtomicFile {
    /// The path as the caller gave it.
    package let path: String
    /// The file that is replaced: `path` with symbolic links followed.
    private let target: String
    /// The sibling that is written, or `nil` when the target is written directly.
    private let temporary: String?
    private let descriptor: Int32
    private let compressor: (any StreamCompressor)?
    private var buffer: [UInt8] = []
    private var isCommitted = false

    /// Bytes gathered before they are written.
    private static let bufferSize = 1 << 20

    /// Standard output, which is written directly.
    init(standardOutput descriptor: Int32) {
        path = "<stdout>"
        target = path
        temporary = nil
        compressor = nil
        self.descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    }

    /// Starts to write a file.
    ///
    /// - Parameter compression: how it is compressed; `nil` for not at all.
    /// - Throws: `BatchFileError` when the directory is missing or does not let us.
    package init(path: String, compression: Compression? = nil) throws(BatchFileError) {
        self.path = path
        compressor = compression?.makeCompressor()
        target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        var information = stat()
        if stat(target, &information) == 0, information.st_mode & S_IFMT != S_IFREG {
            guard information.st_mode & S_IFMT != S_IFDIR else { throw Self.isDirectory(path) }
            temporary = nil
            descriptor = open(target, O_WRONLY | O_CLOEXEC)
        } else {
            Self.removeLeftovers(of: target)
            let name = Self.temporaryPrefix(of: target) + "\(getpid()).\(UInt32.random(in: 0 ... .max))"
            temporary = name
            descriptor = Self.create(name)
        }
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        buffer.reserveCapacity(Self.bufferSize)
    }

    /// Finds out whether a file could be written, and touches nothing.
    ///
    /// - Throws: what `init(path:)` would.
    static func check(path: String) throws(BatchFileError) {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        var information = stat()
        if stat(target.path, &information) == 0 {
            guard information.st_mode & S_IFMT != S_IFDIR else { throw isDirectory(path) }
            guard information.st_mode & S_IFMT == S_IFREG else { return }
        }
        guard access(target.deletingLastPathComponent().path, W_OK | X_OK) == 0 else { throw unwritable(path) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if let temporary, !isCommitted { unlink(temporary) }
    }

    /// Whether the file is replaced as a whole, rather than written directly.
    var isAtomic: Bool { temporary != nil }

    /// Appends what `write` puts into a buffer, and returns what it returns.
    @discardableResult
    package func append<Result>(_ write: (inout [UInt8]) -> Result) throws(BatchFileError) -> Result {
        let result = write(&buffer)
        if buffer.count >= Self.bufferSize { try flush() }
        return result
    }

    /// Appends many bytes, of which only some are gathered at a time.
    package func append(contentsOf bytes: [UInt8]) throws(BatchFileError) {
        for start in stride(from: 0, to: bytes.count, by: Self.bufferSize) {
            try append { $0 += bytes[start..<min(start + Self.bufferSize, bytes.count)] }
        }
    }

    /// Makes sure that all bytes are on disk, so that nothing but the renaming can still fail. Nothing may follow.
    package func finish() throws(BatchFileError) {
        try flush(isLast: true)
        guard temporary != nil else { return }
        guard fsync(descriptor) == 0 else { throw Self.unwritable(path) }
    }

    /// Replaces the target by what was written; `finish()` must have been called.
    package func commit() throws(BatchFileError) {
        guard let temporary else { return }
        guard rename(temporary, target) == 0 else { throw Self.unwritable(path) }
        isCommitted = true
        Self.syncDirectory(of: target)
    }

    private func flush(isLast: Bool = false) throws(BatchFileError) {
        let isWritten = buffer.withUnsafeBytes { bytes in
            guard let compressor else { return writeAll(bytes, to: descriptor) }
            return compressor.compress(bytes, isLast: isLast) { writeAll($0, to: descriptor) }
        }
        guard isWritten else { throw Self.unwritable(path) }
        buffer.removeAll(keepingCapacity: true)
    }
}

extension AtomicFile {
    /// Removes a file that an earlier run wrote, if it is there.
    static func remove(_ path: String) throws(BatchFileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw unwritable(path) }
    }

    private static let temporaryInfix = ".octavo-"

    private static func temporaryPrefix(of target: String) -> String {
        let url = URL(fileURLWithPath: target)
        return url.deletingLastPathComponent().path + "/.\(url.lastPathComponent)\(temporaryInfix)"
    }

    /// Creates a file and locks it; the lock, which lives as long as the process, tells it from a leftover.
    private static func create(_ name: String) -> Int32 {
        while true {
            let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { return descriptor }
            var information = stat()
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &information) == 0,
                information.st_nlink > 0
            {
                return descriptor
            }
            // Another process took it for a leftover before it was locked.
            close(descriptor)
            unlink(name)
        }
    }

    /// Removes siblings whose writers are gone, as their locks are.
    private static func removeLeftovers(of target: String) {
        let url = URL(fileURLWithPath: target)
        removeLeftovers(in: url.deletingLastPathComponent().path) { $0 == url.lastPathComponent }
    }

    /// Removes the siblings of all files of a folder whose names fit, if their writers are gone.
    static func removeLeftovers(in folder: String, of isTarget: (Substring) -> Bool) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(".") {
            guard let infix = name.range(of: temporaryInfix, options: .backwards),
                isTarget(name[..<infix.lowerBound].dropFirst())
            else { continue }
            let leftover = "\(folder)/\(name)"
            let descriptor = open(leftover, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(leftover) }
            close(descriptor)
        }
    }

    /// Makes a renaming outlive a power cut; some file systems cannot, which is no error.
    private static func syncDirectory(of target: String) {
        let descriptor = open(URL(fileURLWithPath: target).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func isDirectory(_ path: String) -> BatchFileError {
        BatchFileError(.unwritableOutput, file: path, reason: "is a directory", remedy: "Name a file in it.")
    }

    static func unwritable(_ path: String) -> BatchFileError {
        let code = errno
        let remedy =
            switch code {
            case ENOENT: "Create the directory first."
            case ENOSPC, EDQUOT: "Make room on the disk, then run the command again."
            default: "Check the path and your rights to it."
            }
        return BatchFileError(
            .unwritableOutput, file: path, reason: "cannot be written (\(systemMessage(code)))", remedy: remedy)
    }
}
