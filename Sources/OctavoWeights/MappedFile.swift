internal import Foundation

/// A file mapped into memory for reading, for as long as the object lives.
///
/// Weights are read once, mostly in order and by several threads; the page cache is all the buffering they need.
/// A file that another program shortens while it is mapped is beyond what can be checked here.
///
/// The bytes are never written, so threads may share them: hence the unchecked conformance.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps the regular file at `path`.
    ///
    /// - Throws: `WeightsError` with the system's reason when it cannot be opened or mapped.
    init(path: String) throws(WeightsError) {
        self.path = path
        isMapped = true
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw WeightsError(path: path, reason: "is not a regular file")
        }
        guard status.st_size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let count = Int(status.st_size)
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw .system(path)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
        try refusePointer()
    }

    /// Refuses what Git leaves in place of a large file when its extension for them is not installed.
    private func refusePointer() throws(WeightsError) {
        guard bytes.starts(with: "version https://git-lfs.github.com/spec/".utf8) else { return }
        throw WeightsError(
            path: path, reason: "is a pointer of Git LFS, not the file itself: run `git lfs pull` in its folder")
    }

    /// A file that exists in memory only, for tests: a copy of `contents` that goes by the name `path`.
    init(path: String, contents: [UInt8]) {
        self.path = path
        isMapped = false
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 16)
        copy.copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(copy)
    }

    /// Lets go of the pages read so far, so that they do not count as this process's memory. Reading them again is slower
    /// once, by a page fault each; as a rule they are still in the page cache.
    func releasePages() {
        guard isMapped, let start = bytes.baseAddress else { return }
        madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED)
    }

    deinit {
        guard isMapped else { return bytes.deallocate() }
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

extension WeightsError {
    /// The last failed system call's reason, about `path`.
    static func system(_ path: String) -> WeightsError {
        WeightsError(path: path, reason: String(cString: strerror(errno)))
    }
}
