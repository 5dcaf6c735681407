import Foundation
public import OctavoCore
import Synchronization

/// The caller's hand on a running generation: adds requests to it, drops them, confirms checkpoints, stops it.
public final class GenerationControl: Sendable {
    struct Waiting {
        var request: GenerationRequest
        /// Whether it waits until all before it have ended.
        var beginsBatch: Bool
    }

    struct State {
        var isStopped = false
        var takesRequests = true
        var waiting: [Waiting] = []
        var cancelled: Set<Int> = []
        var acknowledged = 0
        var watchers: [(count: Int, wake: AsyncStream<Void>.Continuation)] = []

        /// Tells those who wait for the line to be this short.
        mutating func wakeWatchers() {
            watchers.removeAll { watcher in
                guard isStopped || waiting.count <= watcher.count else { return false }
                watcher.wake.finish()
                return true
            }
        }
    }

    private let state = Mutex(State())
    private let changed = NSCondition()

    /// A control for one generation, which has no requests yet.
    public init() {}

    /// Asks the engine to stop at the next step boundary, after a last checkpoint.
    public func stop() { change { $0.isStopped = true } }

    /// Asks the engine to drop requests at the next step boundary.
    public func cancel(_ ids: some Sequence<Int>) { change { $0.cancelled.formUnion(ids) } }

    /// Confirms that the checkpoint of this number, and all before it, are durable.
    public func acknowledge(_ checkpoint: Int) { change { $0.acknowledged = max($0.acknowledged, checkpoint) } }

    /// Changes the state and wakes whoever waits for a change.
    func change<Result>(_ body: (inout sending State) -> sending Result) -> sending Result {
        changed.lock()
        defer { changed.unlock() }
        let result = state.withLock { state in
            let result = body(&state)
            state.wakeWatchers()
            return result
        }
        changed.broadcast()
        return result
    }

    /// Whether `stop()` was called.
    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Blocks until the state is as wanted.
    func wait(until isWanted: (borrowing State) -> Bool) {
        changed.lock()
        while !state.withLock({ isWanted($0) }) { changed.wait() }
        changed.unlock()
    }

    /// Blocks until the checkpoint is acknowledged or the generation is stopped.
    func waitForAcknowledgement(of checkpoint: Int) {
        wait { $0.acknowledged >= checkpoint || $0.isStopped }
    }
}

// MARK: - The line of requests

extension GenerationControl {
    /// Adds requests, which join in this order as the engine has room; nothing may be added after `finishAdding()`.
    ///
    /// - Parameter asBatch: whether they wait until all requests before them have ended.
    public func add(_ requests: some Collection<GenerationRequest>, asBatch: Bool = false) {
        change { state in
            precondition(state.takesRequests, "requests were added after the last")
            for (index, request) in requests.enumerated() {
                state.waiting.append(Waiting(request: request, beginsBatch: asBatch && index == 0))
            }
        }
    }

    /// Lets the generation end once all requests have.
    public func finishAdding() { change { $0.takesRequests = false } }

    /// Waits until at most so many requests are in line, or the generation is stopped, or the task is cancelled.
    public func untilWaiting(atMost count: Int) async {
        let (stream, wake) = AsyncStream.makeStream(of: Void.self)
        change { $0.watchers.append((count, wake)) }
        for await _ in stream {}
    }

    /// Takes the first in line, if it may join.
    ///
    /// - Parameter isIdle: whether all requests before it have ended.
    func takeNext(isIdle: Bool) -> GenerationRequest? {
        change { state in
            guard let first = state.waiting.first, isIdle || !first.beginsBatch else { return nil }
            return state.waiting.removeFirst().request
        }
    }

    /// Puts back what was taken but does not fit yet.
    func putBack(_ request: GenerationRequest) {
        change { $0.waiting.insert(Waiting(request: request, beginsBatch: false), at: 0) }
    }

    /// Takes the ids that `cancel` named since the last call; those in line leave it.
    ///
    /// - Returns: the ids named, and which of them were in line.
    func takeCancelled() -> (named: Set<Int>, left: [Int]) {
        change { state in
            guard !state.cancelled.isEmpty else { return ([], []) }
            let named = state.cancelled
            state.cancelled = []
            let left = state.waiting.map(\.request.id).filter(named.contains)
            state.waiting.removeAll { named.contains($0.request.id) }
            return (named, left)
        }
    }

    /// Blocks until a request is in line; returns false if none will be, or the generation is stopped.
    func waitForRequests() -> Bool {
        wait { !$0.waiting.isEmpty || !$0.takesRequests || $0.isStopped }
        return state.withLock { !$0.waiting.isEmpty && !$0.isStopped }
    }
}
