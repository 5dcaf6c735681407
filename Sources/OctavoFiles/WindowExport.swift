internal import OctavoQueue

/// Writes rows to the output and the errors, and counts them.
struct WindowExport {
    private let options: ExportOptions
    private var writer: any LineWriter
    private let errorWriter: OpenAILineWriter
    private let output: AtomicFile
    private let errors: AtomicFile?

    /// The requests so far.
    private(set) var counts = ExportCounts()
    /// The first requests with answers that the format cannot express.
    private(set) var unsuitable: [UnsuitableRequest] = []

    init(
        options: ExportOptions, writer: any LineWriter, errorWriter: OpenAILineWriter, output: AtomicFile,
        errors: AtomicFile?
    ) {
        self.options = options
        self.writer = writer
        self.errorWriter = errorWriter
        self.output = output
        self.errors = errors
    }

    /// Whether rows must come with the requests' own bodies.
    var needsRequestBodies: Bool { writer.needsRequestBodies || options.includesPrompt }

    /// What the writer left out by a recipe's conditions.
    var dropped: [ExportResult.Dropped] { writer.dropped }

    /// How many files the writer wrote beside the output.
    var shardCount: Int { writer.shardCount }

    /// Writes what comes before the first row.
    func writeHeader() throws(BatchFileError) {
        try output.append { $0.append(contentsOf: writer.header) }
    }

    /// Writes rows in their order.
    ///
    /// - Parameter rejected: the rejected answers to the same requests, if the format needs such.
    mutating func write(_ rows: [ExportRow], rejected: [StoredAnswer?]?) throws {
        for (index, row) in rows.enumerated() { try write(row, rejected: rejected?[index]) }
    }

    private mutating func write(_ row: ExportRow, rejected: StoredAnswer?) throws {
        switch row.outcome {
        case .finished(let response, let finishedAt):
            try write(
                AnsweredRequest(row: row, response: response, finishedAt: finishedAt, rejected: rejected))
        case .failed(let kind, let statusCode, let error, _):
            counts.failed += 1
            try errors?.append { bytes in
                errorWriter.appendFailed(row, kind: kind, statusCode: statusCode, error: error, to: &bytes)
            }
        case .cancelled:
            counts.cancelled += 1
            try errors?.append { errorWriter.appendGivenUp(row, as: .cancelled, to: &$0) }
        case .expired:
            counts.expired += 1
            try errors?.append { errorWriter.appendGivenUp(row, as: .expired, to: &$0) }
        case .pending: counts.pending += 1
        }
    }

    private mutating func write(_ answered: AnsweredRequest) throws {
        counts.finished += 1
        let result = try output.append { bytes in
            Result { () throws(RowProblem) in try writer.append(answered, to: &bytes) }
        }
        do {
            let written = try result.get()
            counts.lines += written.lines
            counts.cutOff += written.cutOff
            counts.identical += written.identical
            if written.isUnpaired { counts.unpaired += 1 }
            if let reason = written.unsuitable { note(UnsuitableSample(reason), in: answered.row) }
        } catch .unsuitable(let problem) {
            note(problem, in: answered.row)
        } catch .malformed {
            throw ExportError.malformedResult(batch: options.batch, line: answered.row.line)
        }
        try settle(isLast: false)
    }

    /// Writes what has waited for the last row.
    mutating func finish() throws(BatchFileError) { try settle(isLast: true) }

    /// Keeps what was written beside the output, which now stands.
    func commit() { writer.commit() }

    private mutating func settle(isLast: Bool) throws(BatchFileError) {
        let result = try output.append { bytes in
            Result { () throws(BatchFileError) in try writer.settle(isLast: isLast, to: &bytes) }
        }
        try result.get()
    }

    private mutating func note(_ problem: UnsuitableSample, in row: ExportRow) {
        counts.unsuitable += 1
        guard unsuitable.count < ExportResult.maximumUnsuitableKept else { return }
        unsuitable.append(UnsuitableRequest(line: row.line, customID: row.customID, reason: problem.reason))
    }
}
