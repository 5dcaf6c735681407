import Foundation
import Synchronization

/// The caller's hand on a running batch: to stop it, to drop requests from it, to confirm its checkpoints.
public final class GenerationControl: Sendable {
    private struct State {
        var isStopped = false
        var cancelled: Set<Int> = []
        var acknowledged = 0
    }

    private let state = Mutex(State())
    private let changed = NSCondition()

    /// A control for one batch.
    public init() {}

    /// Asks the engine to stop at the next step boundary, after a last checkpoint.
    public func stop() { change { $0.isStopped = true } }

    /// Asks the engine to drop requests at the next step boundary, without any further event.
    public func cancel(_ ids: some Sequence<Int>) { change { $0.cancelled.formUnion(ids) } }

    /// Confirms that the checkpoint of this number, and all before it, are durable.
    public func acknowledge(_ checkpoint: Int) { change { $0.acknowledged = max($0.acknowledged, checkpoint) } }

    private func change(_ body: (inout State) -> Void) {
        changed.lock()
        state.withLock { body(&$0) }
        changed.broadcast()
        changed.unlock()
    }

    /// Whether `stop()` was called.
    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Takes the ids that `cancel` named since the last call.
    func takeCancelled() -> Set<Int> {
        state.withLock { state in
            defer { state.cancelled = [] }
            return state.cancelled
        }
    }

    /// Blocks until the checkpoint is acknowledged or the batch is stopped.
    func waitForAcknowledgement(of checkpoint: Int) {
        changed.lock()
        while !state.withLock({ $0.acknowledged >= checkpoint || $0.isStopped }) { changed.wait() }
        changed.unlock()
    }
}
