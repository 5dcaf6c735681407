public import OctavoCore

/// What a worker asks for.
public struct ClaimRequest: Sendable {
    /// The worker's name, for people; it proves nothing.
    public var worker: String
    /// The names and aliases of the model it serves. Batches that name no model are served too.
    public var models: [String]
    /// At most so many requests.
    public var maximumRequests: Int
    /// At most so many tokens, prompts and answers together; one request is leased even if it is longer.
    public var tokenBudget: Int
    /// How long the lease lasts unless it is renewed.
    public var timeToLive: Duration
    /// What computes the answers. Progress of earlier leases is returned only if it was computed by the same.
    public var fingerprint: String
    /// The only batch to claim from; `nil` for all.
    public var onlyBatch: Int64?

    /// Makes a request.
    public init(
        worker: String, models: [String], maximumRequests: Int, tokenBudget: Int, timeToLive: Duration,
        fingerprint: String = "", onlyBatch: Int64? = nil
    ) {
        self.worker = worker
        self.models = models
        self.maximumRequests = maximumRequests
        self.tokenBudget = tokenBudget
        self.timeToLive = timeToLive
        self.fingerprint = fingerprint
        self.onlyBatch = onlyBatch
    }
}

/// Requests held by one worker until the lease expires; every write in its name begins with the token.
public struct Lease: Sendable {
    /// The proof of holding it; never used again for another lease.
    public var token: Int64
    /// Requests in order of their keys.
    public var requests: [LeasedRequest]
    /// How long it lasts from the claim or the last renewal.
    public var timeToLive: Duration
    /// How often each of the requests was lost with a worker; 0 for most leases.
    public var losses: Int

    /// Makes a value; only the queue's claims make leases that count.
    public init(token: Int64, requests: [LeasedRequest], timeToLive: Duration, losses: Int = 0) {
        self.token = token
        self.requests = requests
        self.timeToLive = timeToLive
        self.losses = losses
    }
}

/// A request to be answered.
public struct LeasedRequest: Sendable {
    /// Where it is stored.
    public var key: RequestKey
    /// Its line in the file, from 1.
    public var line: Int
    /// The length of its prompt as it was loaded, in tokens; an estimate if the loader had no tokenizer.
    public var promptTokens: Int
    /// The user's name of it.
    public var customID: String
    /// The request's body, JSON.
    public var body: String
    /// How often it has failed by its own fault.
    public var attempts: Int
    /// What earlier leases had generated of its answer.
    public var progress: [SampleProgress]

    /// Makes a value.
    public init(
        key: RequestKey, line: Int, promptTokens: Int, customID: String, body: String, attempts: Int,
        progress: [SampleProgress]
    ) {
        self.key = key
        self.line = line
        self.promptTokens = promptTokens
        self.customID = customID
        self.body = body
        self.attempts = attempts
        self.progress = progress
    }
}

/// The generated beginning of one choice of a request.
public struct SampleProgress: Sendable, Hashable {
    /// The index of the choice.
    public var choice: Int
    /// Its tokens from the first.
    public var tokens: [TokenID]

    /// Makes progress.
    public init(choice: Int, tokens: [TokenID]) {
        self.choice = choice
        self.tokens = tokens
    }
}

/// What a worker needs to know of a batch.
public struct BatchSettings: Sendable {
    /// The batch.
    public var id: Int64
    /// Its name.
    public var name: String
    /// The model it asks for; nil for any.
    public var model: String?
    /// Sampling defaults, as JSON text.
    public var settings: String
    /// From which requests without a seed derive theirs.
    public var seed: Int64
    /// The recipe that made the requests, as JSON text; nil if none did.
    public var job: String?
    /// Whether its requests may be answered by copies of answers, and its answers be copied.
    public var reusesAnswers: Bool

    /// Makes a value.
    public init(
        id: Int64, name: String, model: String?, settings: String, seed: Int64, job: String? = nil,
        reusesAnswers: Bool = true
    ) {
        self.id = id
        self.name = name
        self.model = model
        self.settings = settings
        self.seed = seed
        self.job = job
        self.reusesAnswers = reusesAnswers
    }
}
