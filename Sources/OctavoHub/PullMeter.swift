import Synchronization

/// How far a download has come.
public struct PullProgress: Sendable, Hashable {
    /// Files that are whole.
    public var files = 0
    /// Files that were chosen.
    public var totalFiles = 0
    /// Bytes that are in the cache, fetched now or before.
    public var bytes = 0
    /// Bytes of all chosen files.
    public var totalBytes = 0
    /// Bytes fetched by this run.
    public var fetchedBytes = 0

    /// Nothing yet.
    public init(totalFiles: Int = 0, totalBytes: Int = 0) {
        self.totalFiles = totalFiles
        self.totalBytes = totalBytes
    }
}

/// What a download tells while it runs.
public enum PullEvent: Sendable, Hashable {
    /// It has come this far.
    case progress(PullProgress)
    /// Something failed, and will be tried again after a pause.
    case pause(reason: String, Duration)
}

/// Counts what concurrent downloads have done, and reports it.
final class PullMeter: Sendable {
    private let progress: Mutex<PullProgress>
    private let onEvent: @Sendable (PullEvent) -> Void

    init(_ files: [RemoteFile], onEvent: @escaping @Sendable (PullEvent) -> Void) {
        let bytes = files.reduce(0) { $0 + $1.size }
        progress = Mutex(PullProgress(totalFiles: files.count, totalBytes: bytes))
        self.onEvent = onEvent
    }

    var snapshot: PullProgress { progress.withLock { $0 } }

    func add(alreadyThere bytes: Int) { change { $0.bytes += bytes } }

    func add(fetched bytes: Int) {
        change {
            $0.bytes += bytes
            $0.fetchedBytes += bytes
        }
    }

    func finish(alreadyThere bytes: Int) {
        change {
            $0.files += 1
            $0.bytes += bytes
        }
    }

    private func change(_ body: (inout PullProgress) -> Void) {
        let now = progress.withLock { progress in
            body(&progress)
            return progress
        }
        onEvent(.progress(now))
    }
}
