import OctavoCore
import OctavoGrammar
import OctavoQueue

/// A leased request, ready for the engine: one generation per sample.
struct PreparedRequest: Sendable {
    let leased: LeasedRequest
    /// What its answer must be like, if its batch asks for anything.
    let rules: OutputRules?
    /// `id` of a generation is its place until the lease numbers them.
    let encoded: EncodedRequest
    /// What it has in common with requests that have the same answer; `nil` if it shares its answer with none.
    var identity: AnswerIdentity?
}

/// Turns leased requests into generations: parses the body, renders and tokenizes the prompt, fixes seed and length.
struct RequestPreparation: Sendable {
    let encoder: any PromptEncoding
    /// The model's own defaults of sampling.
    let defaults: SamplingParameters
    /// The most alternatives at a position that a request may ask for.
    let maximumLogprobs: Int
    private let identification: AnswerIdentification
    private let structures = StructureChecks()

    init(
        encoder: any PromptEncoding, defaults: SamplingParameters, maximumLogprobs: Int,
        identification: AnswerIdentification
    ) {
        self.encoder = encoder
        self.defaults = defaults
        self.maximumLogprobs = maximumLogprobs
        self.identification = identification
    }

    /// Prepares one request of a batch.
    ///
    /// Where answers have rules, a request that failed before begins anew with another seed: what its last attempt had
    /// generated is no part of this one.
    ///
    /// - Throws: `RequestError` when the request can never be answered.
    func prepare(
        _ leased: LeasedRequest, settings: BatchSettings, rules: OutputRules? = nil
    ) throws(RequestError) -> PreparedRequest {
        var body = try parse(leased.body, settings: settings)
        try structures.check(body.sampling.structure)
        let seed = body.sampling.seed ?? Self.derivedSeed(batchSeed: settings.seed, line: leased.line)
        guard rules != nil, leased.attempts > 0 else {
            var encoded = try EncodedRequest(body, encoder: encoder, seed: seed)
            let identity = settings.reusesAnswers ? identification.identity(of: encoded, rules: rules) : nil
            for progress in leased.progress where encoded.generations.indices.contains(progress.choice) {
                encoded.generations[progress.choice].generatedTokens = progress.tokens
            }
            return PreparedRequest(leased: leased, rules: rules, encoded: encoded, identity: identity)
        }
        body.sampling.seed = Self.derivedSeed(batchSeed: seed, line: leased.attempts)
        let encoded = try EncodedRequest(body, encoder: encoder, seed: seed)
        return PreparedRequest(leased: leased, rules: rules, encoded: encoded)
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
            object, defaults: batchDefaults.objectValue ?? JSONObject(), sampling: defaults,
            maximumLogprobs: maximumLogprobs)
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
