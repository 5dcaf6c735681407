import OctavoCore

/// Forty requests that use every part of the engine: both endpoints, greedy and sampled, stop strings, log-probabilities
/// of prompts and answers, several choices, penalties, tokens barred and allowed, short and long.
enum SampleRequests {
    /// The lines of a batch file.
    ///
    /// - Parameter longest: the most tokens of a completion; the others are shorter.
    static func lines(longest: Int) -> [String] {
        (0..<40).map { index in
            let isChat = index % 2 == 0
            let line: JSONValue = [
                "custom_id": .string("request-\(index)"), "method": "POST",
                "url": isChat ? "/v1/chat/completions" : "/v1/completions",
                "body": .object(body(index, isChat: isChat, longest: longest)),
            ]
            return line.jsonText
        }
    }

    private static let topics = [
        "rain", "a lighthouse", "the number seven", "green tea", "winter in the mountains", "bread", "an old clock",
        "the sea at night",
    ]

    private static func body(_ index: Int, isChat: Bool, longest: Int) -> JSONObject {
        let topic = topics[index % topics.count]
        var body = JSONObject()
        if isChat {
            body["messages"] = [["role": "user", "content": .string("Write about \(topic), please. (\(index))")]]
        } else {
            body["prompt"] = .string("\(index): Here is what I know about \(topic):")
        }
        body["max_tokens"] = .integer(max(1, longest * (1 + index * 7 % 10) / 10))
        body["ignore_eos"] = .bool(index % 4 < 3)
        if index % 3 == 0 {
            body["temperature"] = 0
        } else {
            body["temperature"] = .double([0.7, 1, 1.3][index % 3])
            body["seed"] = .integer(1000 + index)
        }
        if index % 5 == 1 { body["top_p"] = 0.9 }
        if index % 5 == 2 { body["top_k"] = 20 }
        if index % 8 == 3 { body["stop"] = ["\n\n", "e"] }
        if index % 8 == 5 { body["n"] = 2 }
        if index % 9 == 4 { body["repetition_penalty"] = 1.2 }
        if index % 7 == 2 {
            body["logprobs"] = isChat ? true : 2
            if isChat { body["top_logprobs"] = 3 }
        }
        addScores(to: &body, index, isChat: isChat)
        return body
    }

    private static func addScores(to body: inout JSONObject, _ index: Int, isChat: Bool) {
        if index % 10 == 4 || index % 10 == 7 {
            body["prompt_logprobs"] = .integer(index % 4)
            body["log_sum_exp_temperatures"] = [1, 2]
        }
        if !isChat, index % 5 == 1 {
            body["echo"] = true
            body["logprobs"] = 1
        }
        if !isChat, index % 16 == 9 { body["best_of"] = 3 }
        if index % 11 == 3 { body["bad_words"] = ["the", "and"] }
        if index % 13 == 6 { body["allowed_token_ids"] = .array((60..<200).map { .integer($0) }) }
        if index == 17 {
            body["max_tokens"] = 0
            body["prompt_logprobs"] = 3
        }
    }
}
