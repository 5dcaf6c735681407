internal import OctavoCore

/// `{"instruction": ..., "input": "", "output": ...}`, with `system` if there is a system message.
///
/// A request has one prompt, so `input` is empty. A line holds one turn of text: longer conversations and calls of tools
/// have no place in it.
struct AlpacaFormat: SampleFormat {
    func members(of sample: Sample) throws(UnsuitableSample) -> JSONObject {
        switch sample.exchange {
        case .completion(let prompt, let answer): return line(instruction: prompt, output: answer)
        case .chat(let messages, let answer):
            guard let output = answer["content"]?.stringValue, answer["tool_calls"] == nil else {
                throw UnsuitableSample("answers by a call of tools, which alpaca cannot hold")
            }
            var messages = messages[...]
            var system: String?
            if let role = messages.first?["role"], role == "system" || role == "developer" {
                system = messages.removeFirst()["content"]?.stringValue ?? ""
            }
            guard messages.count == 1, let message = messages.first, message["role"] == "user",
                let instruction = message["content"]?.stringValue
            else { throw UnsuitableSample("is more than one question and its answer, and alpaca holds no more") }
            return line(instruction: instruction, output: output, system: system)
        }
    }

    private func line(instruction: String, output: String, system: String? = nil) -> JSONObject {
        var line: JSONObject = [
            "instruction": .string(instruction), "input": "", "output": .string(output),
        ]
        line["system"] = system.map(JSONValue.string)
        return line
    }
}
