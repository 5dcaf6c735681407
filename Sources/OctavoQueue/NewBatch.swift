/// A batch as it is submitted.
public struct NewBatch: Sendable {
    /// What people call it; need not be unique.
    public var name: String
    /// Submitting the same key again attaches to the batch that has it.
    public var idempotencyKey: String
    /// A hash of the file and of everything else that shapes its answers. The same key with another identity is refused.
    public var fileIdentity: String
    /// The model that is to answer; nil for any.
    public var model: String?
    /// Sampling defaults as JSON text, merged by the worker into each body.
    public var settings: String
    /// From which requests without a seed derive theirs.
    public var seed: Int64
    /// 0 is urgent; a greater number waits for lesser ones, but ages toward 1.
    public var priority: Int
    /// The share of work among batches of equal priority, from 1.
    public var weight: Int
    /// After so many attempts that were its own fault, a request has failed.
    public var maximumAttempts: Int
    /// The file's name, for people.
    public var source: String
    /// When to give up what is unfinished; nil: never.
    public var deadline: BatchDeadline?
    /// The recipe that made the requests, as JSON text; nil for a batch without one.
    public var job: String?
    /// Whether requests may be answered by copies of identical requests' answers, and their answers be copied.
    public var reusesAnswers: Bool

    /// Makes a batch of ordinary priority.
    public init(
        name: String, idempotencyKey: String, fileIdentity: String, model: String? = nil, settings: String = "{}",
        seed: Int64, priority: Int = 2, weight: Int = 1, maximumAttempts: Int = 4, source: String,
        deadline: BatchDeadline? = nil, job: String? = nil, reusesAnswers: Bool = true
    ) {
        self.name = name
        self.idempotencyKey = idempotencyKey
        self.fileIdentity = fileIdentity
        self.model = model
        self.settings = settings
        self.seed = seed
        self.priority = priority
        self.weight = weight
        self.maximumAttempts = maximumAttempts
        self.source = source
        self.deadline = deadline
        self.job = job
        self.reusesAnswers = reusesAnswers
    }
}

/// When a batch's unfinished requests are given up, by the server's clock.
public enum BatchDeadline: Sendable, Hashable {
    /// So long after the batch was made.
    case after(Duration)
    /// At a time, in seconds since 1970.
    case at(Double)

    var duration: Duration? { if case .after(let duration) = self { duration } else { nil } }
    var time: Double? { if case .at(let time) = self { time } else { nil } }
}

/// How far the loading of a batch has come.
public struct BatchLoad: Sendable, Hashable {
    /// The batch.
    public var id: Int64
    /// `.loading` until it is activated.
    public var state: BatchState
    /// Requests stored so far.
    public var loadedRows: Int
    /// The offset in the file up to which its lines are stored.
    public var loadedBytes: Int64
    /// Whether this call made the batch.
    public var isNew: Bool

    /// Makes a value.
    public init(id: Int64, state: BatchState, loadedRows: Int, loadedBytes: Int64, isNew: Bool) {
        self.id = id
        self.state = state
        self.loadedRows = loadedRows
        self.loadedBytes = loadedBytes
        self.isNew = isNew
    }
}

/// One request as it is loaded.
public struct RequestRow: Sendable {
    /// The longest `customID` that can be stored, in bytes of UTF-8.
    public static let maximumCustomIDBytes = 1024

    /// The line in the file, from 1; unique in the batch, rising from window to window.
    public var line: Int
    /// The length of the prompt in tokens, or an estimate: it only sorts.
    public var promptTokens: Int
    /// At most so many tokens will be generated, over all its choices.
    public var maximumNewTokens: Int
    /// The user's name of the request, unique in the batch.
    public var customID: String
    /// The request's body: JSON in UTF-8, without U+0000.
    public var body: [UInt8]

    /// Makes a row.
    public init(line: Int, promptTokens: Int, maximumNewTokens: Int, customID: String, body: [UInt8]) {
        self.line = line
        self.promptTokens = promptTokens
        self.maximumNewTokens = maximumNewTokens
        self.customID = customID
        self.body = body
    }
}
