import OctavoEngine
import OctavoQueue
import Synchronization

/// What heartbeats say of a lease, passed on to the engine: requests of paused batches and of those given up are dropped, and all
/// of them when the lease is lost.
final class LeaseWatch: Sendable {
    private struct State {
        var isLost = false
        var droppedBatches: Set<Int64> = []
        var control: GenerationControl?
        var batchOfGeneration: [Int: Int64] = [:]

        func cancel(_ batches: Set<Int64>) {
            guard !batches.isEmpty else { return }
            control?.cancel(batchOfGeneration.filter { batches.contains($0.value) }.keys)
        }
    }

    let token: Int64
    /// Requests that the lease holds.
    let requestCount: Int
    /// The batches of these requests.
    let batches: Set<Int64>
    private let state = Mutex(State())

    init(token: Int64, requestCount: Int, batches: Set<Int64>) {
        self.token = token
        self.requestCount = requestCount
        self.batches = batches
    }

    /// Whether another worker may have the requests by now.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// Names the generations that were given to an engine, so that what is dropped from now on, or was until now, leaves
    /// it.
    func watch(_ control: GenerationControl, batchOfGeneration: [Int: Int64]) {
        state.withLock { state in
            state.control = control
            state.batchOfGeneration = batchOfGeneration
            let batches = state.isLost ? Set(batchOfGeneration.values) : state.droppedBatches
            state.cancel(batches)
        }
    }

    /// The lease is gone.
    func lose() {
        state.withLock { state in
            state.isLost = true
            state.cancel(Set(state.batchOfGeneration.values))
        }
    }

    /// Some batches are no longer to be worked on.
    func drop(_ batches: Set<Int64>) {
        state.withLock { state in
            let new = batches.subtracting(state.droppedBatches)
            state.droppedBatches.formUnion(new)
            state.cancel(new)
        }
    }
}
