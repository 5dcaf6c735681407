internal import OctavoCore

/// An answer beside what it answers: a row of a data set for training.
struct Sample: Sendable {
    /// Question and answer.
    enum Exchange: Sendable {
        /// A conversation and the assistant's next message.
        case chat(messages: [JSONValue], answer: JSONObject)
        /// A text and its continuation.
        case completion(prompt: String, answer: String)
    }

    /// Question and answer.
    var exchange: Exchange
    /// The tools that were offered, as the request declares them.
    var tools: JSONValue?
    /// Which of the request's answers it is, from 0; `nil` if the request asked for one.
    var index: Int?
    /// Whether the answer was cut off by `max_tokens`.
    var isCutOff: Bool
}

extension Sample {
    /// The answers of a request, by their index.
    ///
    /// Messages are as chat templates want them: content in parts becomes one text, joined by newlines, and the arguments
    /// of calls become values, which a template would else print as a string within JSON. An answer that goes on with the
    /// last message (`continue_final_message`) is one message with it.
    ///
    /// - Throws: `RowProblem.unsuitable` where the prompt is token ids, which no format for training knows.
    static func all(of exchange: StoredExchange) throws(RowProblem) -> [Sample] {
        var samples: [Sample] = []
        for (index, choice) in exchange.choices.enumerated() {
            samples.append(try Sample(choice, index: index, of: exchange.request))
        }
        return samples
    }

    /// The answer in a choice of a response.
    init(_ choice: JSONValue, index: Int, of request: RequestBody) throws(RowProblem) {
        switch request.prompt {
        case .chat(let chat):
            guard let message = choice["message"]?.objectValue else { throw .malformed }
            exchange = Self.exchange(chat, answer: message)
            tools = chat.tools
        case .texts(let prompts):
            guard let text = choice["text"]?.stringValue else { throw .malformed }
            guard case .text(let prompt) = prompts[index / request.choicesPerPrompt] else {
                throw .unsuitable(UnsuitableSample("has a prompt of token ids, not of text"))
            }
            // With `echo`, the text begins with the prompt.
            let answer = request.echoes && text.hasPrefix(prompt) ? String(text.dropFirst(prompt.count)) : text
            exchange = .completion(prompt: prompt, answer: answer)
        }
        self.index = request.choiceCount > 1 ? index : nil
        isCutOff = choice["finish_reason"] == "length"
    }

    private static func exchange(_ chat: RequestBody.Chat, answer: JSONObject) -> Exchange {
        var messages = chat.messages.map { JSONValue.object(message($0.objectValue ?? JSONObject())) }
        var answer = message(answer)
        if answer["refusal"] == .null { answer["refusal"] = nil }
        if chat.options["continue_final_message"] == true, let start = messages.last, start["role"] == "assistant" {
            messages.removeLast()
            let texts = [start["content"], answer["content"]].compactMap { $0?.stringValue }
            answer["content"] = .string(texts.joined())
        }
        return .chat(messages: messages, answer: answer)
    }

    private static func message(_ message: JSONObject) -> JSONObject {
        var message = message
        if let parts = message["content"]?.arrayValue {
            message["content"] = .string(parts.compactMap { $0["text"]?.stringValue }.joined(separator: "\n"))
        }
        if let calls = message["tool_calls"]?.arrayValue { message["tool_calls"] = .array(calls.map(call)) }
        return message
    }

    /// A call with its arguments as a value; arguments that are no JSON stay text.
    private static func call(_ call: JSONValue) -> JSONValue {
        guard case .object(var result) = call, case .object(var function)? = result["function"],
            let text = function["arguments"]?.stringValue, let arguments = try? JSONValue.parse(text)
        else { return call }
        function["arguments"] = arguments
        result["function"] = .object(function)
        return .object(result)
    }
}
