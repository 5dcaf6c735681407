import Foundation

/// A lock among processes, held until the value is destroyed or the process ends, however it ends.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Waits until nobody else holds the lock.
    ///
    /// - Parameter path: an empty file, made if it is missing, and left there.
    init(_ path: String) throws(PostgresError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .file(path, "cannot be opened") }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                close(descriptor)
                throw .file(path, "cannot be locked")
            }
        }
    }

    deinit { close(descriptor) }
}
