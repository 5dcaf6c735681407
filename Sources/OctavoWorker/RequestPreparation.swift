import OctavoCore
import OctavoQueue

/// A leased request, ready for the engine: one generation per choice.
struct PreparedRequest: Sendable {
    let leased: LeasedRequest
    let body: RequestBody
    /// Tokens of all prompts.
    let promptTokens: Int
    /// One per choice, in order; `id` is the choice until the lease numbers them.
    var generations: [GenerationRequest]
}

/// Turns leased requests into generations: parses the body, renders and tokenizes the prompt, fixes seed and length.
struct RequestPreparation: Sendable {
    let encoder: any PromptEncoding
    /// The model's own defaults of sampling.
    let defaults: SamplingParameters

    /// Prepares one request of a batch.
    ///
    /// - Throws: `RequestError` when the request can never be answered.
    func prepare(_ leased: LeasedRequest, settings: BatchSettings) throws(RequestError) -> PreparedRequest {
        let body = try parse(leased.body, settings: settings)
        let prompts = try encoder.encode(body)
        let seed = body.sampling.seed ?? Self.derivedSeed(batchSeed: settings.seed, line: leased.line)
        var generations: [GenerationRequest] = []
        for prompt in prompts {
            var sampling = body.sampling
            sampling.seed = seed
            sampling.maxTokens = try body.maximumNewTokens(
                promptTokens: prompt.count, contextLength: encoder.contextLength)
            for _ in 0..<body.choicesPerPrompt {
                let choice = generations.count
                let progress = leased.progress.first { $0.choice == choice }
                generations.append(
                    GenerationRequest(
                        id: choice, promptTokens: prompt, generatedTokens: progress?.tokens ?? [], sampling: sampling,
                        sampleIndex: choice))
            }
        }
        return PreparedRequest(
            leased: leased, body: body, promptTokens: prompts.reduce(0) { $0 + $1.count }, generations: generations)
    }

    private func parse(_ text: String, settings: BatchSettings) throws(RequestError) -> RequestBody {
        let body: JSONValue
        let batchDefaults: JSONValue
        do {
            body = try JSONValue.parse(text)
            batchDefaults = try JSONValue.parse(settings.settings)
        } catch {
            throw RequestError("the stored request is not JSON: \(error)")
        }
        guard let object = body.objectValue else { throw RequestError("the stored request is not a JSON object") }
        return try RequestBody.parse(
            object, defaults: batchDefaults.objectValue ?? JSONObject(), sampling: defaults)
    }

    /// The seed of a request that names none: a function of the batch's seed and its line, well mixed (the finalizer of
    /// SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
    static func derivedSeed(batchSeed: Int64, line: Int) -> Int64 {
        var z = UInt64(bitPattern: batchSeed) &+ UInt64(truncatingIfNeeded: line) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64(bitPattern: z ^ (z >> 31))
    }
}
