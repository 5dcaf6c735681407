import Foundation

/// A blob that is being fetched: `HASH.incomplete`, which grows until it is whole and gets its name.
///
/// What a killed process left behind is hashed again and continued.
final class PartialBlob {
    private let path: String
    private let descriptor: Int32
    private let file: RemoteFile
    private var digest: BlobDigest
    /// Bytes that are there.
    private(set) var count = 0

    /// Opens what is there of the blob at `blob`, or begins it.
    init(_ file: RemoteFile, blob: String) throws(HubError) {
        self.file = file
        path = blob + ".incomplete"
        digest = BlobDigest(for: file)
        try CacheFiles.makeFolder(of: path)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw CacheFiles.unwritable(path) }
        try readBack()
    }

    deinit { close(descriptor) }

    /// Hashes what is there.
    private func readBack() throws(HubError) {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let length = read(descriptor, chunk.baseAddress, chunk.count)
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw CacheFiles.unwritable(path) }
            guard length > 0 else { break }
            digest.update(UnsafeRawBufferPointer(chunk)[..<length].rebased)
            count += length
        }
        if count > file.size { try restart() }
    }

    /// Throws away what is there.
    func restart() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw CacheFiles.unwritable(path)
        }
        digest = BlobDigest(for: file)
        count = 0
    }

    /// Appends bytes, of which there are no more than are missing.
    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        precondition(bytes.count <= file.size - count, "a file must not grow beyond its announced size")
        var rest = bytes
        while !rest.isEmpty {
            let length = write(descriptor, rest.baseAddress, rest.count)
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { throw CacheFiles.unwritable(path) }
            digest.update(rest[..<length].rebased)
            count += length
            rest = rest[length...].rebased
        }
    }

    /// Checks the whole, and gives it its name.
    ///
    /// - Throws: `HubError` when its hash is not the announced one; it is removed then.
    func finish(as blob: String, subject: String) throws(HubError) {
        let found = digest.hexadecimal
        guard found == file.hash else {
            unlink(path)
            throw HubError(
                .badData, subject, "the bytes received are not the file's: their hash is \(found), not \(file.hash)",
                remedy: "They were thrown away; run the command again. If it happens again, something between here and "
                    + "the hub changes files.")
        }
        // On disk before it gets the name that says it is whole.
        guard fsync(descriptor) == 0, rename(path, blob) == 0 else { throw CacheFiles.unwritable(path) }
    }
}

extension Slice where Base == UnsafeRawBufferPointer {
    fileprivate var rebased: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self) }
}
