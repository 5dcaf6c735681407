import Foundation
public import OctavoJobs

/// An open input file that can be read at any place, by several readers at once.
///
/// What cannot be read twice (standard input, a pipe) is first copied to a temporary file, which has no name and so
/// vanishes with the process, however that ends.
public final class InputFile: Sendable {
    /// The name for messages: the path as given, or `<stdin>`.
    public let name: String
    /// The size in bytes when the file was opened.
    public let size: Int64
    /// Where its records end.
    let format: JobRecipe.RowFormat
    private let descriptor: Int32

    /// Opens a file for reading.
    ///
    /// - Parameter path: the file; `-` is standard input.
    /// - Parameter format: what its records are; CSV's may hold line breaks.
    /// - Throws: `BatchFileError` when there is no such file, or it is a directory, or it cannot be read or copied.
    public init(path: String, format: JobRecipe.RowFormat = .jsonl) throws(BatchFileError) {
        self.format = format
        name = path == "-" ? "<stdin>" : path
        let opened = path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw Self.unreadable(name) }
        var information = stat()
        guard fstat(opened, &information) == 0 else {
            defer { close(opened) }
            throw Self.unreadable(name)
        }
        switch information.st_mode & S_IFMT {
        case S_IFREG where path != "-":
            descriptor = opened
            size = Int64(information.st_size)
        case S_IFDIR:
            close(opened)
            throw BatchFileError(
                .unreadableInput, file: name, reason: "is a directory", remedy: "Name the files in it one by one.")
        default:
            defer { close(opened) }
            (descriptor, size) = try Self.spool(opened, name: name)
        }
    }

    /// Takes over a file without a name.
    ///
    /// - Parameter name: what messages call it.
    init(name: String, descriptor: Int32, size: Int64) {
        self.name = name
        self.size = size
        self.descriptor = descriptor
        format = .jsonl
    }

    deinit { close(descriptor) }

    /// Reads up to `buffer.count` bytes from `offset` on; fewer only at the end of the file.
    ///
    /// - Returns: the number of bytes read; 0 at the end.
    /// - Throws: `BatchFileError` with the system's reason.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BatchFileError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, off_t(offset) + off_t(filled)
            )
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.unreadable(name) }
            if count == 0 { break }
            filled += count
        }
        return filled
    }
}

// MARK: - Spooling

extension InputFile {
    /// Makes a temporary file that has no name and so vanishes with the process.
    static func makeNameless(for name: String) throws(BatchFileError) -> Int32 {
        let directory = FileManager.default.temporaryDirectory.path
        var template = Array("\(directory)/octavo-input-XXXXXX".utf8CString)
        let copy = mkstemp(&template)
        guard copy >= 0 else { throw unspoolable(name, directory) }
        unlink(template)
        _ = fcntl(copy, F_SETFD, FD_CLOEXEC)
        return copy
    }

    /// Copies all that `source` still gives into a nameless temporary file.
    private static func spool(_ source: Int32, name: String) throws(BatchFileError) -> (Int32, Int64) {
        let directory = FileManager.default.temporaryDirectory.path
        let copy = try makeNameless(for: name)
        do throws(BatchFileError) {
            return (copy, try copyAll(from: source, to: copy, name: name, directory: directory))
        } catch {
            close(copy)
            throw error
        }
    }

    private static func copyAll(
        from source: Int32, to copy: Int32, name: String, directory: String
    ) throws(BatchFileError) -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while true {
            let count = Foundation.read(source, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(name) }
            if count == 0 { return total }
            guard writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: copy) else {
                throw unspoolable(name, directory)
            }
            total += Int64(count)
        }
    }

    private static func unreadable(_ name: String) -> BatchFileError {
        let code = errno
        return BatchFileError(
            .unreadableInput, file: name, reason: "cannot be read (\(systemMessage(code)))",
            remedy: code == ENOENT ? "Check the path." : "Check the file and your rights to it.")
    }

    static func unspoolable(
        _ name: String, _ directory: String = FileManager.default.temporaryDirectory.path
    ) -> BatchFileError {
        BatchFileError(
            .unwritableOutput, file: name, reason: "cannot be copied to \(directory) (\(systemMessage(errno)))",
            remedy: "Make room there, or set TMPDIR to a directory that has it.")
    }
}

/// The system's words for an error code.
func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Writes all bytes to a descriptor; `false` (with `errno`) when the system refuses.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
        let count = write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return false }
        written += count
    }
    return true
}
