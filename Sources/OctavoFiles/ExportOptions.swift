public import OctavoJobs

/// What to export and where to.
public struct ExportOptions: Sendable {
    /// The order of the output lines.
    public enum Order: String, Sendable, CaseIterable {
        /// As in the input.
        case input
        /// As they were finished, to the second, within each window of up to 65,536 input lines. A recipe's rows have the
        /// order of the input all the same.
        case completion
    }

    /// The form of the output lines.
    public enum Format: String, Sendable, CaseIterable {
        /// OpenAI's batch output lines.
        case openai
        /// Conversations that end with the answer.
        case messages
        /// Conversations in the form that ShareGPT began and LLaMA-Factory extended.
        case sharegpt
        /// An instruction and its output.
        case alpaca
        /// TRL's prompt and completion.
        case promptCompletion = "prompt-completion"
        /// TRL's prompt, chosen and rejected answer, from two batches.
        case preference
        /// An index of answers, and tensors in files beside it: what a teacher thought at every position.
        case distill
        /// The columns that the batch's recipe names.
        case recipe
    }

    /// The batch.
    public var batch: Int64
    /// The file for finished requests; `nil` is standard output.
    public var output: String?
    /// The file for failed, cancelled and expired requests. `nil` puts them beside the output file, as `NAME.errors.jsonl`, if
    /// there are any, and only counts them when the output is standard output.
    public var errors: String?
    /// The order of the lines.
    public var order = Order.input
    /// The form of the lines; `nil` is the recipe's where the batch has one with an output, else OpenAI's. Errors have
    /// OpenAI's form, whatever it is.
    public var format: Format?
    /// The recipe whose output is written, in place of the one stored with the batch.
    public var job: JobRecipe?
    /// Whether OpenAI's lines have the request beside the response; those of other formats have what was asked anyway.
    public var includesPrompt = false
    /// Whether OpenAI's lines tell what the answers took, which differs from run to run.
    public var includesTimings = false
    /// Whether answers that were cut off by `max_tokens` are left out. OpenAI's lines are kept whole.
    public var onlyComplete = false
    /// The batch of rejected answers, for preference lines.
    public var rejected: Int64?
    /// The size at which a file of tensors is closed and another begun, for distillation.
    public var shardBytes = 128 << 20
    /// The bytes of answers, as the database stores them, that are read at once from a window of large ones.
    package var partBytes = 32 << 20
    /// Seconds since 1970 that every response gives as its time of creation, in place of the true one.
    public var fixedTime: Int?

    /// Options with every other value at its default.
    public init(batch: Int64, output: String? = nil) {
        self.batch = batch
        self.output = output
    }

    /// Finds out whether the files could be written now, and touches nothing.
    ///
    /// - Throws: `BatchFileError` when one could not.
    public func checkFiles() throws(BatchFileError) {
        for path in [output, errors].compactMap(\.self) { try AtomicFile.check(path: path) }
    }
}

/// How many requests of a batch were in which state when they were exported.
public struct ExportCounts: Sendable, Hashable {
    /// Requests with a response.
    public var finished = 0
    /// Requests that failed for good, each a line of the errors.
    public var failed = 0
    /// Requests that were cancelled, each a line of the errors.
    public var cancelled = 0
    /// Requests whose batch's deadline passed before they ended, each a line of the errors.
    public var expired = 0
    /// Requests still to be done, which are not exported.
    public var pending = 0
    /// Lines of the output: one for every finished request in OpenAI's form, for every answer, pair or row in others.
    public var lines = 0
    /// Answers, or pairs with one, that were left out because they are cut off.
    public var cutOff = 0
    /// Pairs that were left out because both answers are the same.
    public var identical = 0
    /// Finished requests that have no answer in the batch of rejected ones.
    public var unpaired = 0
    /// Finished requests with answers that the format cannot express, which were left out.
    public var unsuitable = 0

    /// None.
    public init() {}

    /// All requests.
    public var total: Int { finished + failed + cancelled + expired + pending }
    /// The lines of the errors.
    public var errors: Int { failed + cancelled + expired }
}

/// A finished request with an answer that the format cannot express.
public struct UnsuitableRequest: Sendable, Hashable, CustomStringConvertible {
    /// Its line in the input, from 1.
    public var line: Int
    /// Its name.
    public var customID: String
    /// Why, as a phrase that begins with a verb.
    public var reason: String

    /// Where and why, on one line.
    public var description: String { "line \(line) (\(quoted(customID))) \(reason)" }
}

/// What an `Exporter` did.
public struct ExportResult: Sendable, Hashable {
    /// How many of such requests are kept at most; the others are only counted.
    public static let maximumUnsuitableKept = 20

    /// The form of the lines.
    public var format: ExportOptions.Format
    /// The states of the requests.
    public var counts: ExportCounts
    /// The first requests with answers that the format cannot express.
    public var unsuitable: [UnsuitableRequest]
    /// The file written with the errors; `nil` when none was written.
    public var errorsPath: String?
    /// How many files of tensors were written beside the output.
    public var shards = 0
    /// How many rows the recipe's filters dropped, by filter.
    public var dropped: [Dropped] = []

    /// Rows that one filter dropped.
    public struct Dropped: Sendable, Hashable {
        /// The filter.
        public var filter: String
        /// The number of rows.
        public var count: Int
    }
}

/// Why a batch cannot be exported.
public enum ExportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The batch is still being loaded, or is being deleted.
    case incompleteBatch(batch: Int64, state: String)
    /// The batch holds another number of requests than it says.
    case countMismatch(batch: Int64, exported: Int, total: Int)
    /// The recipe's output was asked for, but there is none.
    case noRecipe(batch: Int64)
    /// The recipe that was given makes another number of requests of a row than the batch's.
    case otherRecipe(batch: Int64)
    /// What is stored for a request is no response.
    case malformedResult(batch: Int64, line: Int)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .incompleteBatch(let batch, let state):
            "batch \(batch) is \(state). If its loading was interrupted, run the same \"octavo enqueue\" again."
        case .countMismatch(let batch, let exported, let total):
            "batch \(batch) has \(total) requests, but \(exported) were found. The database was changed by hand, or "
                + "the batch is being deleted. Nothing was written."
        case .noRecipe(let batch):
            "batch \(batch) has no recipe that names output columns. Give one with --job, or another --format."
        case .otherRecipe(let batch):
            "batch \(batch) was not made by this recipe: its rows became another number of requests. Give the recipe "
                + "that made it, or one that differs only in output, filters and dedup."
        case .malformedResult(let batch, let line):
            "the result of line \(line) of batch \(batch) is not a response. The database was changed by hand. "
                + "Nothing was written."
        }
    }
}
