/// A batch's counters, as they stand in its own row.
public struct BatchSummary: Sendable, Hashable {
    /// The batch.
    public var id: Int64
    /// Its name.
    public var name: String
    /// The file it came from.
    public var source: String
    /// The model it asks for; nil for any.
    public var model: String?
    /// What is being done with it.
    public var state: BatchState
    /// Its priority; 0 is urgent.
    public var priority: Int
    /// How many requests it has; while it is loading, how many are loaded.
    public var total: Int
    /// How many are finished.
    public var done: Int
    /// How many have failed for good.
    public var failed: Int
    /// How many of the finished ones are copies of identical requests' answers.
    public var reused: Int
    /// How many windows an export goes through.
    public var windows: Int
    /// Prompt tokens of the finished requests.
    public var promptTokens: Int64
    /// Tokens generated for the finished requests.
    public var completionTokens: Int64
    /// When it was submitted, in seconds since 1970.
    public var createdAt: Double
    /// When the first request was claimed.
    public var startedAt: Double?
    /// When the last request ended, or the batch was cancelled or expired.
    public var completedAt: Double?
    /// When what is unfinished is given up; nil: never.
    public var deadlineAt: Double?
    /// The share of work among batches of equal priority.
    public var weight: Int
    /// The server's time of this summary.
    public var readAt: Double

    /// Requests that have not ended; in a cancelled or expired batch, they never will.
    public var unfinished: Int { total - done - failed }
    /// Seconds from the first claim to the end or to now; nil before.
    public var secondsRunning: Double? {
        startedAt.map { (completedAt ?? readAt) - $0 }
    }
}

extension BatchSummary {
    /// A batch of which only so much matters.
    package init(id: Int64, name: String, source: String, state: BatchState, total: Int, done: Int, failed: Int) {
        self.init(
            id: id, name: name, source: source, model: nil, state: state, priority: 2, total: total, done: done,
            failed: failed, reused: 0, windows: 1, promptTokens: 0, completionTokens: 0, createdAt: 0, weight: 1,
            readAt: 0)
    }
}

/// All that is known of a batch's progress.
public struct BatchStatus: Sendable, Hashable {
    /// Failures of one kind.
    public struct FailureKind: Sendable, Hashable {
        /// The kind.
        public var kind: String
        /// How many requests ended so.
        public var count: Int
        /// One of their OpenAI error objects, as JSON text.
        public var example: String

        /// Makes a value.
        package init(kind: String, count: Int, example: String) {
            self.kind = kind
            self.count = count
            self.example = example
        }
    }

    /// Its counters.
    public var summary: BatchSummary
    /// Requests in the hands of workers.
    public var leased: Int
    /// Requests that failed and will be tried again.
    public var retrying: Int
    /// Requests finished per second over the last minute.
    public var requestsPerSecond: Double
    /// Tokens generated per second for requests that finished in the last minute.
    public var tokensPerSecond: Double
    /// The most frequent kinds of final failures, at most five.
    public var failureKinds: [FailureKind]

    /// Makes a value.
    package init(
        summary: BatchSummary, leased: Int, retrying: Int, requestsPerSecond: Double, tokensPerSecond: Double,
        failureKinds: [FailureKind]
    ) {
        self.summary = summary
        self.leased = leased
        self.retrying = retrying
        self.requestsPerSecond = requestsPerSecond
        self.tokensPerSecond = tokensPerSecond
        self.failureKinds = failureKinds
    }
}

/// A worker as it last reported itself.
public struct WorkerStatus: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its host.
    public var host: String
    /// Its process id there.
    public var processID: Int
    /// The names and aliases of the model it serves.
    public var models: [String]
    /// What computes its answers.
    public var fingerprint: String
    /// When it started, in seconds since 1970.
    public var startedAt: Double
    /// Seconds since its last heartbeat.
    public var secondsSinceSeen: Double
    /// Tokens generated per second, as it reports.
    public var tokensPerSecond: Double
    /// Requests that it is working on.
    public var currentRequests: Int
    /// The program that it runs, as in `octavo 0.1.0`; empty if it did not say.
    public var program: String
}
