// How to go on from the prompt, and what to tell of it.

extension RequestFields {
    func readSampling(into sampling: inout SamplingParameters) throws(RequestError) {
        let limit = Int(Int32.max)
        if let value = try number("temperature", in: 0...100) { sampling.temperature = value }
        if let value = try number("top_p", in: 0...1) { sampling.topP = value }
        if let value = try integer("top_k", in: -1...limit) { sampling.topK = max(value, 0) }
        if let value = try number("min_p", in: 0...1) { sampling.minP = value }
        if let value = try integer("seed", in: Int.min...Int.max) { sampling.seed = Int64(value) }
        if let value = try number("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = value }
        if let value = try number("presence_penalty", in: -2...2) { sampling.presencePenalty = value }
        if let value = try number("repetition_penalty", in: 0.01...100) { sampling.repetitionPenalty = value }
        sampling.logitBias = try logitBias()
        sampling.allowedTokenIDs = try allowedTokens()
        sampling.maxTokens = try maxTokens(in: 0...limit)
        if let value = try integer("min_tokens", in: 0...limit) { sampling.minTokens = value }
        if let value = try bool("ignore_eos") { sampling.ignoresEndTokens = value }
        if let value = try bool("include_stop_str_in_output") { sampling.includesStop = value }
        if let value = try bool("skip_special_tokens") { sampling.skipsSpecialTokens = value }
        sampling.stop = try texts("stop")
        sampling.stopTokenIDs = try tokens("stop_token_ids") ?? []
    }

    /// Of the two names of one parameter the newer wins, but either in the body wins over both in the defaults.
    private func maxTokens(in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        for source in [body, defaults] {
            for key in ["max_completion_tokens", "max_tokens"] {
                guard let value = source[key], !value.isNull else { continue }
                return try integer(key, in: range)
            }
        }
        return nil
    }

    private func logitBias() throws(RequestError) -> [TokenID: Float] {
        guard let value = value("logit_bias") else { return [:] }
        guard let object = value.objectValue else { throw wrongType("logit_bias", expected: "an object", found: value) }
        var biases: [TokenID: Float] = [:]
        for member in object.members {
            guard let token = TokenID(member.key), token >= 0 else {
                throw RequestError("has the key \"\(member.key)\", which is not a token id", parameter: "logit_bias")
            }
            guard let bias = member.value.doubleValue, (-100...100).contains(bias) else {
                throw RequestError("must be between -100 and 100", parameter: "logit_bias.\(member.key)")
            }
            biases[token] = Float(bias)
        }
        return biases
    }

    private func allowedTokens() throws(RequestError) -> [TokenID]? {
        guard let tokens = try tokens("allowed_token_ids") else { return nil }
        guard !tokens.isEmpty else { throw RequestError("must not be empty", parameter: "allowed_token_ids") }
        return tokens
    }
}

// MARK: - Log-probabilities

extension RequestFields {
    func readLogprobs(into body: inout RequestBody) throws(RequestError) {
        body.sampling.topLogprobs =
            body.endpoint == .chatCompletions ? try chatLogprobs() : try integer("logprobs", in: 0...maximumLogprobs)
        body.promptLogprobs = try integer("prompt_logprobs", in: 0...maximumLogprobs)
        // An echoed prompt has log-probabilities like the completion behind it.
        let echoed = body.echoes && body.endpoint == .completions ? body.sampling.topLogprobs : nil
        body.sampling.promptLogprobs = [body.promptLogprobs, echoed].compactMap(\.self).max()
        if let tokens = try tokens("logprob_token_ids"), !tokens.isEmpty {
            guard body.wantsLogprobs else { throw RequestError("needs logprobs", parameter: "logprob_token_ids") }
            body.sampling.logprobTokenIDs = tokens
        }
        body.sampling.logSumExpTemperatures = try logSumExpTemperatures()
        guard body.sampling.logSumExpTemperatures.isEmpty || body.wantsLogprobs || body.promptLogprobs != nil else {
            throw RequestError("needs logprobs or prompt_logprobs", parameter: "log_sum_exp_temperatures")
        }
    }

    /// `logprobs` is a boolean for chats, and `top_logprobs` how many.
    private func chatLogprobs() throws(RequestError) -> Int? {
        let count = try integer("top_logprobs", in: 0...maximumLogprobs)
        guard try bool("logprobs") == true else {
            guard count == nil || count == 0 else {
                throw RequestError("needs logprobs to be true", parameter: "top_logprobs")
            }
            return nil
        }
        return count ?? 0
    }

    private func logSumExpTemperatures() throws(RequestError) -> [Float] {
        var temperatures: [Float] = []
        let key = "log_sum_exp_temperatures"
        let values = try array(key) ?? []
        guard values.count <= 16 else { throw RequestError("has \(values.count), but 16 are the most", parameter: key) }
        for (index, value) in values.enumerated() {
            temperatures.append(try number(value, at: "\(key)[\(index)]", in: 0.01...100))
        }
        return temperatures
    }
}
