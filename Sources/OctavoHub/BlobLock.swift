import Foundation

/// A file's lock, held by one process at a time; the system takes it back when the process ends, however it ends.
///
/// Python's `filelock`, which Hugging Face's tools use, locks the same files by the same means (`flock`).
final class BlobLock {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Waits until nobody else holds the lock, looking every 100 ms.
    ///
    /// - Throws: `HubError` when the file cannot be made, `CancellationError` when the task is told to stop.
    static func acquire(_ path: String) async throws -> BlobLock {
        try CacheFiles.makeFolder(of: path)
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
            guard descriptor >= 0 else { throw CacheFiles.unwritable(path) }
            let lock = BlobLock(descriptor: descriptor)
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                // Who held it may have removed the file: then the next one locks another.
                var information = stat()
                if fstat(descriptor, &information) == 0, information.st_nlink > 0 { return lock }
                continue
            }
            guard errno == EWOULDBLOCK || errno == EINTR else {
                // A file system without locks: worse than none are only downloads that never begin.
                return lock
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
