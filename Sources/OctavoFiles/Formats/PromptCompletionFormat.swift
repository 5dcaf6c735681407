internal import OctavoCore

/// `{"prompt": ..., "completion": ...}`, as TRL has it: two texts for a completion, two lists of messages for a chat.
struct PromptCompletionFormat: SampleFormat {
    func members(of sample: Sample) -> JSONObject {
        switch sample.exchange {
        case .chat(let messages, let answer): ["prompt": .array(messages), "completion": [.object(answer)]]
        case .completion(let prompt, let answer): ["prompt": .string(prompt), "completion": .string(answer)]
        }
    }
}
