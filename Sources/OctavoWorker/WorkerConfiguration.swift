public import OctavoBatching
public import OctavoCore
public import OctavoEngine

/// How a worker works.
public struct WorkerConfiguration: Sendable {
    /// The names under which the model is served: the first is the one that responses carry; batches that name
    /// another model are left to other workers.
    public var modelNames: [String]
    /// Identifies weights, tokenizer, template and numerics; part of every response and checkpoint.
    public var fingerprint: String
    /// What the worker is called beside others of other versions, as in `octavo 0.1.0`.
    public var program = "octavo"
    /// Threads that the engine computes with: what a second of its time is in core-seconds.
    public var threads = 1
    /// The parameters of requests that neither the request nor its batch gives: the model's own defaults. They can
    /// change answers, so `fingerprint` must depend on them.
    public var samplingDefaults = SamplingParameters()
    /// The most alternatives at a position that a request may ask for; one that asks for more fails.
    public var maximumLogprobs = RequestBody.usualMaximumLogprobs
    /// How long a lease lasts without a heartbeat. Heartbeats come six times as often.
    public var leaseDuration = Duration.seconds(60)
    /// The most requests in a lease.
    public var leaseSize = 128
    /// The most tokens, prompts and completions together, in a lease.
    public var leaseTokens = 1 << 20
    /// How requests come together in the engine.
    public var batching = BatchingMode.refill
    /// Whether responses tell how many prompt tokens were not computed again. That depends on what was computed before,
    /// so that responses then are no longer functions of the requests and the model alone.
    public var reportsCachedTokens = false
    /// Whether to end when no batch that this worker serves has unfinished requests.
    public var drains = false
    /// The only batch to work on; `nil` for all that ask for the model.
    public var onlyBatch: Int64?
    /// How long to wait, when idle, before asking for work again.
    public var pollInterval = Duration.seconds(1)
    /// Called after every step of the engine, on the engine's thread's behalf.
    public var onStep: (@Sendable (StepStatistics) -> Void)?

    /// The defaults, for a model served under these names.
    public init(modelNames: [String], fingerprint: String) {
        precondition(!modelNames.isEmpty, "a model is served under at least one name")
        self.modelNames = modelNames
        self.fingerprint = fingerprint
    }

    /// How long between heartbeats.
    var heartbeatInterval: Duration { leaseDuration / 6 }
}
