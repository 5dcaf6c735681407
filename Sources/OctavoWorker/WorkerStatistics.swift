import OctavoEngine
import Synchronization

/// Counts of what a worker has done, for heartbeats and summaries.
public final class WorkerStatistics: Sendable {
    /// The counts at one moment.
    public struct Snapshot: Sendable, Hashable {
        /// Tokens of prompts whose keys and values were computed.
        public var prefillTokens = 0
        /// Tokens of prompts whose keys and values were there already, since another request begins alike.
        public var cachedTokens = 0
        /// Tokens sampled.
        public var sampledTokens = 0
        /// Steps of the engine.
        public var steps = 0
        /// Time the engine spent in steps.
        public var computeTime = Duration.zero
        /// Requests written back as results.
        public var finishedRequests = 0
        /// Those of them that were not computed: copies of identical requests' answers.
        public var reusedRequests = 0
        /// Requests written back as failures for good.
        public var failedRequests = 0
    }

    private struct State {
        var counts = Snapshot()
        var rateStart = ContinuousClock.now
        var rateTokens = 0
    }

    private let state = Mutex(State())

    init() {}

    /// The counts so far.
    public var snapshot: Snapshot { state.withLock { $0.counts } }

    func record(_ step: StepStatistics) {
        state.withLock { state in
            state.counts.prefillTokens += step.prefillTokens
            state.counts.cachedTokens += step.cachedTokens
            state.counts.sampledTokens += step.sampledTokens
            state.counts.steps += 1
            state.counts.computeTime += step.duration
            state.rateTokens += step.sampledTokens
        }
    }

    func recordWritten(finished: Int, failed: Int, reused: Int = 0) {
        state.withLock { state in
            state.counts.finishedRequests += finished
            state.counts.reusedRequests += reused
            state.counts.failedRequests += failed
        }
    }

    /// Tokens sampled per second since the last call.
    func tokensPerSecond() -> Double {
        state.withLock { state in
            let now = ContinuousClock.now
            let seconds = (now - state.rateStart) / .seconds(1)
            defer {
                state.rateStart = now
                state.rateTokens = 0
            }
            return seconds > 0 ? Double(state.rateTokens) / seconds : 0
        }
    }
}
