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
    /// Tokens guessed to follow the last one, to be checked in its step.
    private(set) var draft: ArraySlice<TokenID> = []
    /// How the row ended, once it has.
    private(set) var outcome: GenerationEvent?
    /// Tokens of the prompt whose keys and values were not computed for it.
    private(set) var cachedTokens = 0
    private var stop: StopCondition
    private let sampler: Sampler
    private var logprobs: [TokenLogprob] = []
    private var checkpointed: Int
    private var lookup = PromptLookup()

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
        guard draft.isEmpty else { return count }
        let remaining = pending.count - count
        return max(0, min(count, missingLogprobs + 1 - remaining))
    }

    /// The next `count` tokens to compute: pending ones, and behind the last of them those guessed.
    func tokens(_ count: Int) -> ArraySlice<TokenID> {
        draft.isEmpty ? pending.prefix(count) : (pending + draft).prefix(count)
    }

    /// Counts tokens as computed.
    mutating func consume(_ count: Int) { pending = pending.dropFirst(count) }

    /// The positions whose keys and values count, once a step is applied.
    var heldPositions: Int { request.promptTokens.count + generated.count - pending.count }

    /// Guesses the tokens after the last, at most `count`.
    mutating func makeDraft(atMost count: Int) {
        guard isDecoding, missingLogprobs == 0 else { return }
        let left = (request.sampling.maxTokens ?? .max) - generated.count - 1
        draft = lookup.guess(prompt: request.promptTokens, generated: generated, atMost: min(count, left))
    }

    /// The part of the prompt that may be shared: all but its last token, whose logits choose the first of the answer.
    static func prefix(of request: GenerationRequest) -> ArraySlice<TokenID> { request.promptTokens.dropLast() }

    /// Takes note that the first `count` positions are held; returns how many of them were not computed for it.
    mutating func skip(to count: Int) -> Int {
        let new = count - heldPositions
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
        // A guess is read as if the tokens guessed before it were right; if they are not, nobody asks for the reading.
        let before = offset == 0 ? generated : generated + draft.prefix(offset)
        let choice = sampler.choose(from: logits, prompt: request.promptTokens, generated: before)
        return choice.map(Reading.chosen) ?? .notFinite
    }

    /// Takes what a step's logits said, in order, as far as guesses were right; returns how many tokens were added.
    mutating func apply(_ readings: ArraySlice<Reading>, decoding: any TokenDecoding) -> Int {
        let count = generated.count
        for (index, reading) in readings.enumerated() {
            apply(reading, decoding: decoding)
            guard outcome == nil, index >= draft.count || generated.last == draft[draft.startIndex + index] else {
                break
            }
        }
        let added = generated.count - count
        if !draft.isEmpty {
            let accepted = zip(draft, generated[count...]).prefix { $0 == $1 }.count
            lookup.learn(guessed: draft.count, accepted: accepted, generated: generated.count)
            draft = []
        }
        return added
    }

    private mutating func apply(_ reading: Reading, decoding: any TokenDecoding) {
        switch reading {
        case .restored(let logprob): logprobs.append(logprob)
        case .notFinite:
            let position = request.promptTokens.count + generated.count - 1
            outcome = .failed(id: request.id, .notFinite(position: position))
        case .chosen(let choice):
            generated.append(choice.token)
            if let logprob = choice.logprob { logprobs.append(logprob) }
            pending = [choice.token]
            if let reason = stop.append(choice.token, decoding: decoding) { finish(reason) }
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
