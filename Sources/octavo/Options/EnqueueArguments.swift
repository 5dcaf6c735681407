import ArgumentParser
import OctavoCore
import OctavoFiles
import OctavoQueue

/// How a file becomes a batch.
struct EnqueueArguments: ParsableArguments {
    @Option(help: "The batch's name (default: the first file's name).")
    var name: String?

    @Option(help: "A recipe that makes requests of rows of any columns; see docs/jobs.md.")
    var job: String?

    @Option(help: "Take the results of this batch (its id or name) as rows, in place of files; needs --job.")
    var from: String?

    @Option(help: "0 is urgent; larger numbers wait for smaller ones.")
    var priority = 2

    @Option(help: "The batch's share beside others of the same priority.")
    var weight = 1

    @Option(help: "How often a failing request is tried.")
    var maxAttempts = 4

    @Option(
        help:
            "When to give up what is unfinished: a time from now (90m, 36h, 7d) or a date (2026-12-01T08:00:00Z), by the server's clock."
    )
    var deadline: Deadline?

    @Option(help: "The seed from which requests without one derive theirs (default: from the file's contents).")
    var seed: Int64?

    @Option(help: "max_tokens of requests that name none.")
    var maxTokens: Int?

    @Option(help: "temperature of requests that name none.")
    var temperature: Double?

    @Option(help: "top_p of requests that name none.")
    var topP: Double?

    @Option(help: "top_k of requests that name none.")
    var topK: Int?

    @Option(help: "A stop string of requests that name none; may be repeated.")
    var stop: [String] = []

    @Flag(help: "Queue the good lines and leave out the others.")
    var skipInvalid = false

    @Flag(help: "Compute every answer, even if an identical request has been answered before.")
    var noReuse = false

    func validate() throws {
        try Self.check(priority: priority, weight: weight)
        guard (1...100).contains(maxAttempts) else { throw ValidationError("--max-attempts must be between 1 and 100") }
        var probe = settings
        probe["prompt"] = "?"
        do {
            _ = try RequestBody.parse(probe)
        } catch {
            throw ValidationError("--\((error.parameter ?? "").replacing("_", with: "-")): \(error.message)")
        }
    }

    /// - Throws: a usage error for a priority or a weight out of range.
    static func check(priority: Int?, weight: Int?) throws {
        guard (0...9).contains(priority ?? 0) else { throw ValidationError("--priority must be between 0 and 9") }
        guard (1...1000).contains(weight ?? 1) else { throw ValidationError("--weight must be between 1 and 1000") }
    }

    /// The sampling parameters as members of a request body.
    var settings: JSONObject {
        var settings = JSONObject()
        settings["max_tokens"] = maxTokens.map(JSONValue.integer)
        settings["temperature"] = temperature.map(JSONValue.double)
        settings["top_p"] = topP.map(JSONValue.double)
        settings["top_k"] = topK.map(JSONValue.integer)
        if !stop.isEmpty { settings["stop"] = .array(stop.map(JSONValue.string)) }
        return settings
    }

    /// Makes sure that there is exactly one source of requests.
    func checkSource(files: [String]) throws {
        guard let from else {
            if files.isEmpty { throw ValidationError("Missing expected argument '<files> ...'") }
            return
        }
        guard files.isEmpty else { throw ValidationError("--from \(from) takes the place of files: give one of them") }
        guard job != nil else { throw ValidationError("--from needs --job, which says what becomes of the results") }
    }

    /// The options of an enqueuing.
    ///
    /// - Parameter queue: resolves the batch of `--from`.
    func options(files: [String], target: ModelTarget, queue: Queue?) async throws -> EnqueueOptions {
        var options = EnqueueOptions(files: files)
        options.job = try job.map(RecipeFile.read)
        if let from { options.resultsOf = try await queue?.resolveBatch(from) }
        options.name = name
        options.model = target.name
        options.modelAliases = target.aliases
        options.settings = settings
        options.samplingDefaults = target.samplingDefaults
        options.seed = seed
        options.priority = priority
        options.weight = weight
        options.maximumAttempts = maxAttempts
        options.skipsInvalid = skipInvalid
        options.deadline = deadline?.value
        options.reusesAnswers = !noReuse
        return options
    }
}
