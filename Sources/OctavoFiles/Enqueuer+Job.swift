internal import OctavoCore
internal import OctavoJobs

extension Enqueuer {
    /// The parameters that requests have which name none: the recipe's, unless a flag says otherwise.
    var settings: JSONObject {
        var settings = options.job?.sampling ?? JSONObject()
        for member in options.settings.members { settings[member.key] = member.value }
        return settings
    }

    /// The files of the batch, or the results of another in a file of no name.
    func openFiles() async throws -> [InputFile] {
        if let batch = options.resultsOf, let queue { return [try await ResultRows(queue).spool(batch)] }
        var files: [InputFile] = []
        for path in options.files {
            files.append(try InputFile(path: path, format: options.job.map { Self.format(of: path, $0) } ?? .jsonl))
        }
        return files
    }

    private static func format(of path: String, _ recipe: JobRecipe) -> JobRecipe.RowFormat {
        recipe.rowFormat ?? (path.lowercased().hasSuffix(".csv") ? .csv : .jsonl)
    }

    func rows(of files: [InputFile]) throws -> JobRows? { try options.job.map { try JobRows($0, files: files) } }
}

/// What a recipe makes of rows, found out without queuing anything.
public struct JobCheck: Sendable {
    /// The first requests.
    public var samples: [ValidatedRequest] = []
    /// The requests that all valid rows become.
    public var requests = 0
    /// Tokens of all prompts, or their UTF-8 bytes when no tokenizer was at hand.
    public var promptTokens = 0
    /// What is wrong with the rows that become none.
    public var errors = BatchFileErrors()
}

extension Enqueuer {
    /// Reads all rows, as `run` would, and reports instead of queuing.
    ///
    /// - Parameter sampleCount: how many of the first requests to keep.
    /// - Throws: `BatchFileError` when a file cannot be read.
    public func check(samples sampleCount: Int = 3) async throws -> JobCheck {
        let files = try await openFiles()
        var check = JobCheck()
        let survey = try await survey(files) { line in
            guard check.samples.count < sampleCount, case .requests(let requests) = line.outcome else { return }
            check.samples.append(contentsOf: requests.map(\.request).prefix(sampleCount - check.samples.count))
        }
        check.requests = survey.rows
        check.promptTokens = survey.totalPromptTokens
        check.errors = survey.errors
        return check
    }
}
