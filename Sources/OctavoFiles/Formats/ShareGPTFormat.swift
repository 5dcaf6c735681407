internal import OctavoCore

/// `{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", "value": ...}]}`, with LLaMA-Factory's names for
/// what has to do with tools: `function_call`, whose value is the call as JSON, and `observation`, a tool's result.
struct ShareGPTFormat: SampleFormat {
    func members(of sample: Sample) throws(UnsuitableSample) -> JSONObject {
        guard case .chat(let messages, let answer) = sample.exchange else {
            throw UnsuitableSample("is a completion, not a chat: use --format prompt-completion")
        }
        var turns: [JSONValue] = []
        for message in messages { turns.append(try turn(message.objectValue ?? JSONObject())) }
        turns.append(try turn(answer))
        return ["conversations": .array(turns)]
    }

    private func turn(_ message: JSONObject) throws(UnsuitableSample) -> JSONValue {
        let text = text(message["content"] ?? .null)
        if let calls = message["tool_calls"]?.arrayValue, !calls.isEmpty {
            guard text.isEmpty else {
                throw UnsuitableSample("has a message of both text and calls of tools, which sharegpt keeps apart")
            }
            return ["from": "function_call", "value": .string(value(of: calls).jsonText)]
        }
        let role = message["role"]?.stringValue ?? ""
        guard let speaker = Self.speakers[role] else {
            throw UnsuitableSample("has a message of the role \(quoted(role)), for which sharegpt has no name")
        }
        return ["from": .string(speaker), "value": .string(text)]
    }

    private static let speakers = [
        "system": "system", "developer": "system", "user": "human", "assistant": "gpt", "tool": "observation",
        "function": "observation", "ipython": "observation",
    ]

    /// The text of a message; results of tools may be values.
    private func text(_ content: JSONValue) -> String {
        switch content {
        case .null: ""
        case .string(let text): text
        default: content.jsonText
        }
    }

    /// One call as an object, several as an array.
    private func value(of calls: [JSONValue]) -> JSONValue {
        let functions = calls.map { call -> JSONValue in
            ["name": call["function"]?["name"] ?? .null, "arguments": call["function"]?["arguments"] ?? .null]
        }
        return functions.count == 1 ? functions[0] : .array(functions)
    }
}
