import Synchronization

/// A claim that begins at most once, while the current lease is still being computed.
final class ClaimAhead: Sendable {
    typealias Claim = @Sendable () async throws -> Worker.HeldLease?

    private let claim: Claim
    private let started = Mutex<Task<Worker.HeldLease?, any Error>?>(nil)

    init(_ claim: @escaping Claim) { self.claim = claim }

    /// Begins the claim, unless the task is cancelled.
    func start() {
        guard !Task.isCancelled else { return }
        started.withLock { $0 = $0 ?? Task { [claim] in try await claim() } }
    }

    /// Cancels the claim, if it was begun.
    func cancel() { started.withLock { $0?.cancel() } }

    /// What was claimed, if the claim was begun and found something.
    ///
    /// - Throws: as the claim, which is cancelled with the task that waits for it.
    func result() async throws -> Worker.HeldLease? {
        guard let task = started.withLock({ $0 }) else { return nil }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            cancel()
        }
    }

    /// Whether the claim was begun.
    var isStarted: Bool { started.withLock { $0 != nil } }
}
