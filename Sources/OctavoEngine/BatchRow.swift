import OctavoCore

/// One completion in the making.
struct BatchRow {
    /// What one row of logits said.
    enum Reading: Sendable {
        /// The next token was chosen.
        case chosen(Sampler.Choice)
        /// The log-probability of a token generated before an interruption was computed again.
        case restored(TokenLogprob)
        /// The logits were not finite.
        case notFinite
    }

    let request: GenerationRequest
    let sequence: SequenceID
    /// Tokens whose keys and values are not computed yet; never empty before the end.
    private(set) var pending: ArraySlice<TokenID>
    /// Everything generated, by this run or before it.
    private(set) var generated: [TokenID]
    /// How the row ended, once it has.
    private(set) var outcome: GenerationEvent?
    /// Tokens of the prompt whose keys and values were not computed for it.
    private(set) var cachedTokens = 0
    private var stop: StopCondition
    private let sampler: Sampler
    private var logprobs: [TokenLogprob] = []
    private var checkpointed: Int

    init(
        request: GenerationRequest, sequence: SequenceID, endTokens: Set<TokenID>, decoding: any TokenDecoding
    ) {
        self.request = request
        self.sequence = sequence
        sampler = Sampler(
            parameters: request.sampling, sampleIndex: request.sampleIndex,
            endTokens: StopCondition.endTokens(of: request.sampling, model: endTokens))
        stop = StopCondition(parameters: request.sampling, endTokens: endTokens)
        generated = []
        for token in request.generatedTokens {
            // A completion never resumes at its end: the token that ended it would be generated again.
            var next = stop
            guard next.append(token, decoding: decoding) == nil else { break }
            stop = next
            generated.append(token)
        }
        checkpointed = generated.count
        pending = (request.promptTokens + generated)[...]
    }

    /// Whether the row's prompt is behind it.
    var isDecoding: Bool { pending.count == 1 }

    /// Tokens that a crash now would lose.
    var tokensSinceCheckpoint: Int { generated.count - checkpointed }

    /// Log-probabilities that were reported before an interruption and must be computed again; the arithmetic does not
    /// depend on how tokens are grouped, so they come out the same.
    private var missingLogprobs: Int {
        request.sampling.topLogprobs == nil ? 0 : generated.count - logprobs.count
    }

    /// How many of the next `count` pending tokens' logits are needed, the last ones: that of the last pending token
    /// chooses the next; those before it restore log-probabilities.
    func logitsNeeded(taking count: Int) -> Int {
        let remaining = pending.count - count
        return max(0, min(count, missingLogprobs + 1 - remaining))
    }

    /// Counts tokens as computed.
    mutating func consume(_ count: Int) { pending = pending.dropFirst(count) }

    /// The part of the prompt that may be shared: all but its last token, whose logits choose the first of the answer.
    static func prefix(of request: GenerationRequest) -> ArraySlice<TokenID> { request.promptTokens.dropLast() }

    /// Takes note that the first `count` positions are held; returns how many of them were not computed for it.
    mutating func skip(to count: Int) -> Int {
        let new = count - (request.promptTokens.count + generated.count - pending.count)
        guard new > 0 else { return 0 }
        consume(new)
        cachedTokens += new
        return new
    }

    /// Reads the logits of the `offset`-th position asked for. Called before the step's tokens are consumed.
    func read(_ logits: LogitsRow, offset: Int) -> Reading {
        if offset < missingLogprobs {
            let token = generated[logprobs.count + offset]
            return sampler.logprob(of: token, in: logits).map(Reading.restored) ?? .notFinite
        }
        let choice = sampler.choose(from: logits, prompt: request.promptTokens, generated: generated)
        return choice.map(Reading.chosen) ?? .notFinite
    }

    /// Takes what the logits said; returns whether a token was added.
    mutating func apply(_ reading: Reading, decoding: any TokenDecoding) -> Bool {
        guard outcome == nil else { return false }
        switch reading {
        case .restored(let logprob):
            logprobs.append(logprob)
            return false
        case .notFinite:
            let position = request.promptTokens.count + generated.count - 1
            outcome = .failed(id: request.id, .notFinite(position: position))
            return false
        case .chosen(let choice):
            generated.append(choice.token)
            if let logprob = choice.logprob { logprobs.append(logprob) }
            pending = [choice.token]
            if let reason = stop.append(choice.token, decoding: decoding) { finish(reason) }
            return true
        }
    }

    private mutating func finish(_ reason: FinishReason) {
        let reported = request.sampling.topLogprobs.map { _ in Array(logprobs.prefix(stop.tokensInText)) }
        outcome = .finished(
            Completion(
                id: request.id, tokens: generated, text: stop.string, finishReason: reason, logprobs: reported,
                cachedTokens: cachedTokens))
    }

    /// The tokens generated since the last checkpoint, if any, which are thereby checkpointed.
    mutating func takeCheckpointEntry() -> GenerationCheckpoint.Entry? {
        guard checkpointed < generated.count else { return nil }
        defer { checkpointed = generated.count }
        return GenerationCheckpoint.Entry(
            id: request.id, firstToken: checkpointed, tokens: Array(generated[checkpointed...]))
    }
}
