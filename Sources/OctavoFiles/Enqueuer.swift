public import OctavoCore
internal import OctavoJobs
public import OctavoQueue

/// Turns files of requests into a batch in the queue.
///
/// All lines are read twice. The first reading checks every line and counts tokens; only if it finds nothing wrong does
/// the second write to the database, in windows of one transaction each. An interrupted run, even one ended by SIGKILL,
/// is resumed by the next run with the same files and settings at the first window that is missing; a run that finds
/// the batch complete attaches to it. Memory does not grow with the files but for about 30 bytes a line.
public struct Enqueuer: Sendable {
    let options: EnqueueOptions
    let queue: Queue?
    let encoder: (any PromptEncoding)?
    let progress: @Sendable (EnqueueProgress) -> Void

    /// An enqueuer, to be run once.
    ///
    /// - Parameter queue: where the batch goes; a dry run needs none.
    /// - Parameter encoder: the model's tokenizer and template, to count tokens exactly and to refuse prompts that are
    ///   too long; without it UTF-8 bytes stand for tokens.
    /// - Parameter progress: called from time to time, from any thread.
    public init(
        _ options: EnqueueOptions, queue: Queue?, encoder: (any PromptEncoding)? = nil,
        progress: @escaping @Sendable (EnqueueProgress) -> Void = { _ in }
    ) {
        precondition(
            queue != nil || (options.isDryRun && options.resultsOf == nil), "only a dry run of files needs no queue")
        precondition(options.resultsOf == nil || options.job != nil, "results become requests by a recipe")
        self.options = options
        self.queue = queue
        self.encoder = encoder
        self.progress = progress
    }

    /// Validates all lines and queues the requests.
    ///
    /// - Throws: `BatchFileErrors` when lines are invalid and not to be skipped; `BatchFileError` when a file cannot be
    ///   read, holds no request, or changes while it is read; `RequestError` when the settings are wrong; what the queue
    ///   throws. Nothing is queued then, except that an interrupted loading can be resumed.
    public func run() async throws -> EnqueueResult {
        try protectInput()
        try checkSettings()
        let files = try await openFiles()
        let survey = try await survey(files)
        try check(survey)
        let fingerprint = BatchFingerprint(survey: survey, options: options)
        var result = EnqueueResult(survey, fingerprint, areTokensExact: encoder != nil)
        if !options.isDryRun, let queue {
            try await load(files, survey, as: newBatch(fingerprint), into: queue, result: &result)
        }
        return result
    }

    /// Keeps an input file from being overwritten by the list of its errors.
    private func protectInput() throws(BatchFileError) {
        guard let path = options.errorsPath, options.files.contains(path) else { return }
        throw BatchFileError(
            .unwritableOutput, file: path, reason: "is both an input and the error file", remedy: "Name two files.")
    }

    /// Finds mistakes in the settings before they show as an error of every line.
    private func checkSettings() throws(RequestError) {
        let message: JSONValue = ["role": "user", "content": "x"]
        do {
            _ = try RequestBody.parse(["messages": [message]], defaults: settings)
        } catch {
            // Some parameters mean different things to the two endpoints: fitting one is enough.
            guard (try? RequestBody.parse(["prompt": "x"], defaults: settings)) == nil else {
                return
            }
            throw error
        }
    }

    private func check(_ survey: BatchSurvey) throws {
        guard survey.errors.count == 0 || options.skipsInvalid else { throw survey.errors }
        guard survey.rows > 0 else {
            let skipped = survey.errors.count
            throw BatchFileError(
                file: source,
                reason: skipped == 0 ? "contains no requests" : "none of the \(skipped) lines is a valid request",
                remedy: "Give a file with one request per line.")
        }
    }

    private func newBatch(_ fingerprint: BatchFingerprint) -> NewBatch {
        NewBatch(
            name: options.name ?? defaultName, idempotencyKey: fingerprint.key, fileIdentity: fingerprint.key,
            model: options.model, settings: JSONValue.object(settings).jsonText, seed: fingerprint.seed,
            priority: options.priority, weight: options.weight,
            // A retry that the recipe promises must not be one attempt too many.
            maximumAttempts: max(options.maximumAttempts, (options.job?.rules?.retries ?? 0) + 1),
            source: source, deadline: options.deadline, job: options.job?.json.jsonText,
            reusesAnswers: options.reusesAnswers && options.job?.reusesAnswers ?? true)
    }

    /// All files, as messages and the batch name them.
    var source: String { options.resultsOf.map { "batch \($0)" } ?? options.files.joined(separator: ", ") }

    private var defaultName: String {
        let first = options.files.first ?? options.job?.name ?? ""
        return first == "-" ? "stdin" : first.split(separator: "/").last.map(String.init) ?? first
    }
}

// MARK: - The first reading

extension Enqueuer {
    /// Reads and checks all lines.
    ///
    /// - Parameter observe: is shown every line, in order.
    func survey(
        _ files: [InputFile], observe: (InspectedLine) -> Void = { _ in }
    ) async throws -> BatchSurvey {
        let log = try options.errorsPath.map(InvalidLineLog.init)
        var survey = BatchSurvey(
            windowRows: min(options.windowRows, Queue.maximumWindowRows),
            requestsPerLine: options.job?.requestsPerRow ?? 1, contextLength: encoder?.contextLength,
            blockLength: options.blockLength, errorLog: log)
        let inspector = LineInspector(
            validator: validator, rows: try rows(of: files),
            counting: encoder.map(LineInspector.Counting.tokens) ?? .bytes, blockLength: options.blockLength)
        let totalBytes = files.reduce(0) { $0 + $1.size }
        var reader = BatchFileReader(files)
        try await inspector.inspect(&reader) { block in
            for line in block {
                observe(line)
                try survey.add(line)
            }
            if let end = block.last?.line.end {
                progress(
                    EnqueueProgress(
                        stage: .validating, bytes: end.totalBytes, totalBytes: totalBytes, rows: survey.rows))
            }
            return true
        }
        survey.finish(fileDigests: reader.digests)
        try log?.commit()
        survey.errors.path = options.errorsPath
        return survey
    }

    var validator: RequestValidator {
        RequestValidator(
            settings: settings, samplingDefaults: options.samplingDefaults, model: options.model,
            modelAliases: options.modelAliases, maximumLogprobs: options.maximumLogprobs)
    }
}

extension EnqueueResult {
    fileprivate init(_ survey: BatchSurvey, _ fingerprint: BatchFingerprint, areTokensExact: Bool) {
        self.init(
            rows: survey.rows, errors: survey.errors, unknownMembers: survey.unknownMembers.sorted(),
            blankLines: survey.blankLines,
            promptTokens: survey.totalPromptTokens, areTokensExact: areTokensExact,
            maximumNewTokens: survey.totalNewTokens, idempotencyKey: fingerprint.key, seed: fingerprint.seed)
        sharedTokens = survey.sharedTokens
        (sizes, sizeScale) = survey.sizes(atMost: Self.maximumSizes)
    }
}
