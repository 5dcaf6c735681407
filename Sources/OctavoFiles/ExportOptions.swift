/// What to export and where to.
public struct ExportOptions: Sendable {
    /// The order of the output lines.
    public enum Order: String, Sendable, CaseIterable {
        /// As in the input.
        case input
        /// As they were finished, to the second, within each window of up to 65,536 input lines.
        case completion
    }

    /// The form of the output lines.
    public enum Format: String, Sendable, CaseIterable {
        /// OpenAI's batch output and error lines.
        case openai
    }

    /// The batch.
    public var batch: Int64
    /// The file for finished requests; `nil` is standard output.
    public var output: String?
    /// The file for failed and cancelled requests. `nil` puts them beside the output file, as `NAME.errors.jsonl`, if
    /// there are any, and only counts them when the output is standard output.
    public var errors: String?
    /// The order of the lines.
    public var order = Order.input
    /// The form of the lines.
    public var format = Format.openai
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
    /// Requests with a response, each a line of the output.
    public var finished = 0
    /// Requests that failed for good, each a line of the errors.
    public var failed = 0
    /// Requests that were cancelled, each a line of the errors.
    public var cancelled = 0
    /// Requests still to be done, which are not exported.
    public var pending = 0

    /// None.
    public init() {}

    /// All requests.
    public var total: Int { finished + failed + cancelled + pending }
    /// The lines of the errors.
    public var errors: Int { failed + cancelled }
}

/// What an `Exporter` did.
public struct ExportResult: Sendable, Hashable {
    /// The states of the requests.
    public var counts: ExportCounts
    /// The file written with the errors; `nil` when none was written.
    public var errorsPath: String?
}

/// Why a batch cannot be exported.
public enum ExportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The batch is still being loaded, or is being deleted.
    case incompleteBatch(batch: Int64, state: String)
    /// The batch holds another number of requests than it says.
    case countMismatch(batch: Int64, exported: Int, total: Int)
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
        case .malformedResult(let batch, let line):
            "the result of line \(line) of batch \(batch) is not a response. The database was changed by hand. "
                + "Nothing was written."
        }
    }
}
