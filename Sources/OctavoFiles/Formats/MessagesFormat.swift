internal import OctavoCore

/// `{"messages": [...]}`: the conversation with the answer as its last message.
///
/// TRL calls this conversational language modeling; Axolotl and LLaMA-Factory read it too.
struct MessagesFormat: SampleFormat {
    func members(of sample: Sample) throws(UnsuitableSample) -> JSONObject {
        guard case .chat(let messages, let answer) = sample.exchange else {
            throw UnsuitableSample("is a completion, not a chat: use --format prompt-completion")
        }
        return ["messages": .array(messages + [.object(answer)])]
    }
}
