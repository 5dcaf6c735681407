import OctavoEngine
import OctavoQueue
import Synchronization

/// What heartbeats say of a lease, passed on to the batch that is running: requests of cancelled or paused batches are
/// dropped, and all of them when the lease is lost.
final class LeaseWatch: Sendable {
    private struct State {
        var isLost = false
        var droppedBatches: Set<Int64> = []
        var control: GenerationControl?
        var batchOfGeneration: [Int: Int64] = [:]
    }

    let token: Int64
    private let state = Mutex(State())

    init(token: Int64) { self.token = token }

    /// Whether another worker may have the requests by now.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// Whether requests of a batch are no longer to be computed.
    func isDropped(_ batch: Int64) -> Bool { state.withLock { $0.isLost || $0.droppedBatches.contains(batch) } }

    /// Names the batch that is running, so that what is dropped from now on leaves it.
    func watch(_ control: GenerationControl, batchOfGeneration: [Int: Int64]) {
        state.withLock { state in
            state.control = control
            state.batchOfGeneration = batchOfGeneration
            if state.isLost { control.stop() }
            control.cancel(batchOfGeneration.filter { state.droppedBatches.contains($0.value) }.keys)
        }
    }

    /// The lease is gone.
    func lose() {
        let control = state.withLock { state in
            state.isLost = true
            return state.control
        }
        control?.stop()
    }

    /// Some batches were cancelled or paused.
    func drop(_ batches: [Int64]) {
        state.withLock { state in
            let new = Set(batches).subtracting(state.droppedBatches)
            guard !new.isEmpty else { return }
            state.droppedBatches.formUnion(new)
            state.control?.cancel(state.batchOfGeneration.filter { new.contains($0.value) }.keys)
        }
    }
}
