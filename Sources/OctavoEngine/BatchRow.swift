import OctavoCore

/// One completion in the making.
struct BatchRow {
    /// What one row of logits said.
    enum Reading: Sendable {
        /// The next token was chosen.
        case chosen(Sampler.Choice)
        /// The log-probability of a token generated before an interruption was computed again.
        case restored(TokenLogprob)
        /// How likely the prompt's next token is.
        case scored(TokenLogprob)
        /// Nothing: a token is known to follow, and nobody asks how likely it is.
        case passed
        /// The prompt was read, and nothing is to be generated.
        case ended
        /// The logits were not finite.
        case notFinite(position: Int)
        /// No token could be chosen.
        case failed(EngineError)
    }

    let request: GenerationRequest
    let sequence: SequenceID
    /// The prompt and everything generated.
    private var text: [TokenID]
    /// Everything generated, by this run or before it.
    private(set) var generated: [TokenID]
    /// The positions whose keys and values count, once a step is applied.
    private(set) var heldPositions = 0
    /// Tokens guessed to follow the last one, to be checked in its step.
    private(set) var draft: ArraySlice<TokenID> = []
    /// How the row ended, once it has.
    private(set) var outcome: GenerationEvent?
    /// Tokens of the prompt whose keys and values were not computed for it.
    private(set) var cachedTokens = 0
    /// When it was computed, and its share of the steps so far.
    var time = GenerationTime(start: .now, end: .now, share: .zero)
    private var stop: StopCondition
    private var structure: RowStructure?
    private let sampler: Sampler
    private var logprobs: [TokenLogprob] = []
    /// Of the tokens of the prompt but the first, as far as they are computed.
    private var promptLogprobs: [TokenLogprob] = []
    private var checkpointed: Int
    private var lookup = PromptLookup()

    init(
        request: GenerationRequest, sequence: SequenceID, endTokens: Set<TokenID>, structure: RowStructure? = nil,
        decoding: any TokenDecoding
    ) {
        self.request = request
        self.sequence = sequence
        sampler = Sampler(
            parameters: request.sampling, sampleIndex: request.sampleIndex,
            endTokens: StopCondition.endTokens(of: request.sampling, model: endTokens))
        stop = StopCondition(parameters: request.sampling, endTokens: endTokens)
        self.structure = structure
        generated = []
        text = request.promptTokens
        checkpointed = 0
        for token in request.generatedTokens {
            // A completion never resumes at its end: the token that ended it would be generated again.
            var next = stop
            guard next.append(token, decoding: decoding) == nil, take(token, decoding: decoding) else { break }
            stop = next
            generated.append(token)
        }
        checkpointed = generated.count
        text += generated
        makeRoom()
    }

    /// Makes room for what may come, so that steps need not, but for answers that are very long.
    private mutating func makeRoom() {
        let count = min(request.sampling.maxTokens ?? 0, 4096)
        generated.reserveCapacity(count)
        text.reserveCapacity(request.promptTokens.count + count)
        stop.reserve(tokens: count)
    }

    /// Takes the next of the tokens generated before; returns whether the structure goes on behind it.
    private mutating func take(_ token: TokenID, decoding: any TokenDecoding) -> Bool {
        guard var next = structure else { return true }
        let fits = try? next.advance(over: token, decoding: decoding, generated: generated)
        guard fits == true, !next.isFinished else { return false }
        structure = next
        return true
    }

    /// Tokens whose keys and values are not computed yet; never empty before the end.
    private var pending: ArraySlice<TokenID> { text[heldPositions...] }

    /// How many these are, with those guessed.
    var waitingCount: Int { pending.count + draft.count }

    /// Whether the row's prompt is behind it.
    var isDecoding: Bool { pending.count == 1 }

    /// Tokens that a crash now would lose.
    var tokensSinceCheckpoint: Int { generated.count - checkpointed }

    /// The first position whose logits are still needed; all after it are computed with logits, too. Positions before an
    /// interruption are read again: the arithmetic does not depend on how tokens are grouped, so that the
    /// log-probabilities come out the same.
    private var firstPositionRead: Int {
        let last = request.promptTokens.count - 1
        if request.sampling.promptLogprobs != nil, promptLogprobs.count < last { return promptLogprobs.count }
        return last + (request.sampling.topLogprobs == nil ? generated.count : logprobs.count)
    }

    /// How many of the next `count` pending tokens' logits are needed: the last ones.
    func logitsNeeded(taking count: Int) -> Int {
        max(0, min(count, heldPositions + count - firstPositionRead))
    }

    /// The next `count` tokens to compute: pending ones, and behind the last of them those guessed.
    func tokens(_ count: Int) -> ArraySlice<TokenID> {
        draft.isEmpty ? pending.prefix(count) : (pending + draft).prefix(count)
    }

    /// Counts tokens as computed.
    mutating func consume(_ count: Int) { heldPositions += count }

    /// Guesses the tokens after the last, at most `count`.
    mutating func makeDraft(atMost count: Int) {
        guard isDecoding, firstPositionRead == heldPositions else { return }
        let left = (request.sampling.maxTokens ?? .max) - generated.count - 1
        draft = lookup.guess(prompt: request.promptTokens, generated: generated, atMost: min(count, left))
    }

    /// The part of the prompt that may be shared: all but its last token, whose logits choose the first of the answer; and
    /// nothing if all tokens are to be scored, since what is shared has no logits.
    static func prefix(of request: GenerationRequest) -> ArraySlice<TokenID> {
        request.sampling.promptLogprobs == nil ? request.promptTokens.dropLast() : []
    }

    /// Takes note that the first `count` positions are held; returns how many of them were not computed for it.
    mutating func skip(to count: Int) -> Int {
        let new = count - heldPositions
        guard new > 0 else { return 0 }
        consume(new)
        cachedTokens += new
        return new
    }

    /// Reads the logits of a position. Called before the step's tokens are consumed.
    func read(
        _ logits: LogitsRow, position: Int, decoding: any TokenDecoding, scratch: SamplingScratch
    ) -> Reading {
        guard logits.largest != nil else { return .notFinite(position: position) }
        let next = position + 1
        let prompt = request.promptTokens
        if next < prompt.count {
            return sampler.promptLogprob(of: prompt[next], in: logits).map(Reading.scored) ?? .passed
        }
        let place = next - prompt.count
        if place < generated.count {
            return sampler.logprob(of: generated[place], in: logits).map(Reading.restored) ?? .passed
        }
        guard request.sampling.maxTokens != 0 else { return .ended }
        // A guess is read as if the tokens guessed before it were right; if they are not, nobody asks for the reading.
        let guess = draft.prefix(place - generated.count)
        do throws(EngineError) {
            let choice = sampler.choose(
                from: logits, prompt: prompt, generated: guess.isEmpty ? generated : generated + guess,
                allowed: try allowed(after: guess, decoding: decoding), scratch: scratch)
            return choice.map(Reading.chosen) ?? .notFinite(position: position)
        } catch {
            return .failed(error)
        }
    }

    /// The tokens that the structure, if there is one, allows behind some of the guess.
    private func allowed(
        after guess: ArraySlice<TokenID>, decoding: any TokenDecoding
    ) throws(EngineError) -> AllowedTokens? {
        guard let structure else { return nil }
        var allowed = try structure.allowed(after: guess, decoding: decoding, generated: generated)
        if let tokens = request.sampling.allowedTokenIDs { allowed?.keep(tokens) }
        guard let allowed, !allowed.isEmpty else {
            // Or the guess does not fit, and nobody asks for the reading.
            throw .structure("no token of the vocabulary fits")
        }
        return allowed
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
        case .scored(let logprob): promptLogprobs.append(logprob)
        case .passed: break
        case .ended: finish(.length)
        case .notFinite(let position): outcome = .failed(id: request.id, .notFinite(position: position))
        case .failed(let error): outcome = .failed(id: request.id, error)
        case .chosen(let choice): take(choice, decoding: decoding)
        }
    }

    private mutating func take(_ choice: Sampler.Choice, decoding: any TokenDecoding) {
        var reason = stop.append(choice.token, decoding: decoding)
        if reason != .stop {
            do throws(EngineError) {
                let fits = try structure?.advance(over: choice.token, decoding: decoding, generated: generated)
                // Where other parameters forbid all that fits, what is chosen does not.
                guard fits != false else { throw .structure("no token that other parameters allow fits") }
            } catch {
                outcome = .failed(id: request.id, error)
                return
            }
            // An answer that is complete needs no token to say so.
            if structure?.isFinished == true { reason = .stop }
        }
        generated.append(choice.token)
        if let logprob = choice.logprob { logprobs.append(logprob) }
        text.append(choice.token)
        heldPositions = text.count - 1
        if let reason { finish(reason) }
    }

    private mutating func finish(_ reason: FinishReason) {
        let isReported = request.sampling.topLogprobs != nil
        outcome = .finished(
            Completion(
                id: request.id, tokens: generated, text: stop.string, finishReason: reason,
                logprobs: isReported ? logprobs : nil, textTokenCount: stop.tokensInText,
                cumulativeLogprob: isReported ? logprobs.reduce(0.0) { $0 + Double($1.chosen.logprob) } : nil,
                promptLogprobs: request.sampling.promptLogprobs.map { _ in promptLogprobs },
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
