public import OctavoCore
public import OctavoJobs
public import OctavoQueue

/// What to queue and how.
public struct EnqueueOptions: Sendable {
    /// The input files, which become one batch in this order; `-` is standard input.
    public var files: [String]
    /// The batch's name; `nil` takes the first file's.
    public var name: String?
    /// The model that is to answer; `nil` is any.
    public var model: String?
    /// Other names that lines may have for `model`.
    public var modelAliases: [String] = []
    /// Sampling parameters for requests that do not set them.
    public var settings = JSONObject()
    /// The model's own defaults of sampling, where the model is at hand: they tell how long answers may become. They are
    /// not stored, since the worker that answers applies its model's.
    public var samplingDefaults = SamplingParameters()
    /// The most alternatives at a position that a request may ask for.
    public var maximumLogprobs = RequestBody.usualMaximumLogprobs
    /// The seed from which requests without one derive theirs; `nil` derives it from the files and the settings.
    public var seed: Int64?
    /// 0 is urgent; a greater number waits for smaller ones.
    public var priority = 2
    /// The batch's share beside others of the same priority.
    public var weight = 1
    /// How often a request is tried before its failure is final.
    public var maximumAttempts = 4
    /// When what is unfinished is given up; `nil` is never. Counts for a new batch alone: one that is there keeps its own.
    public var deadline: BatchDeadline?
    /// Whether requests may be answered by copies of identical requests' answers, if the recipe does not forbid it.
    public var reusesAnswers = true
    /// Whether invalid lines are left out instead of stopping everything.
    public var skipsInvalid = false
    /// The recipe that makes requests of rows; `nil` takes the lines for requests.
    public var job: JobRecipe?
    /// The batch whose results are the rows, in place of files.
    public var resultsOf: Int64?
    /// A file for all errors found, one JSON object a line.
    public var errorsPath: String?
    /// Whether to validate and count only.
    public var isDryRun = false
    /// The positions in a block of the model's cache, to count the tokens of prompts that begin alike; `nil` counts none.
    public var blockLength: Int?
    /// The most lines that one transaction loads. Batches in loading are resumed only with the value they began with.
    package var windowRows = 65_536

    /// Options with every other value at its default.
    public init(files: [String]) { self.files = files }
}

/// How far an `Enqueuer` has come.
public struct EnqueueProgress: Sendable, Hashable {
    /// What it is doing.
    public enum Stage: Sendable, Hashable {
        /// Reading and checking all lines.
        case validating
        /// Writing the requests to the database.
        case loading
    }

    /// What it is doing.
    public var stage: Stage
    /// Bytes of all files dealt with in this stage.
    public var bytes: Int64
    /// Bytes of all files.
    public var totalBytes: Int64
    /// Requests dealt with in this stage.
    public var rows: Int
}

/// What an `Enqueuer` did.
public struct EnqueueResult: Sendable, Hashable {
    /// The batch; `nil` for a dry run.
    public var batchID: Int64?
    /// The batch's state when all was done; `nil` for a dry run.
    public var state: BatchState?
    /// Whether the batch was not there before.
    public var isNew = false
    /// The requests that an earlier, interrupted run had already loaded.
    public var resumedRows = 0
    /// The requests of the batch.
    public var rows: Int
    /// What was wrong with the lines left out.
    public var errors: BatchFileErrors
    /// Members of bodies that nobody knows, sorted; they are ignored, and may be slips.
    public var unknownMembers: [String]
    /// Blank lines.
    public var blankLines: Int
    /// Tokens of all prompts, or their UTF-8 bytes when no tokenizer was at hand.
    public var promptTokens: Int
    /// Whether `promptTokens` are tokens.
    public var areTokensExact: Bool
    /// The most tokens that all answers together can come to have.
    public var maximumNewTokens: Int
    /// The hash of the files and of all that shapes the answers, by which the batch is found again.
    public var idempotencyKey: String
    /// The batch's seed.
    public var seed: Int64
    /// Tokens of prompts that need not be computed, since another prompt begins alike; `nil` if nobody asked.
    public var sharedTokens: Int?
    /// The sizes of the requests: of all, or of a large batch's a fair sample.
    public var sizes: [ObservedRequest] = []
    /// How many requests each of `sizes` stands for.
    public var sizeScale = 1.0

    /// The most sizes that are kept.
    static let maximumSizes = 1 << 17

    /// Invalid lines left out.
    public var skipped: Int { errors.count }
}
