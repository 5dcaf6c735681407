/// A call of a tool that a model asked for.
public struct ToolCall: Sendable, Hashable {
    /// The function's name.
    public var name: String
    /// A JSON object, compact, with keys in the order and numbers in the spelling of the model.
    public var arguments: String

    /// A call.
    public init(name: String, arguments: String) {
        self.name = name
        self.arguments = arguments
    }

    /// The spelling of the special token that Llama 3.1 puts before calls of built-in tools, and at times before others.
    static let tag = Array("<|python_tag|>".utf8)

    /// The call as OpenAI's API has it.
    func json(id: String) -> JSONValue {
        [
            "id": .string(id), "type": "function",
            "function": ["name": .string(name), "arguments": .string(arguments)],
        ]
    }
}

extension ToolCall {
    /// The calls that an answer consists of; `nil` if it is anything else.
    ///
    /// The whole answer must be calls, and every one of a tool that the request declares: what an answer says beside a
    /// call would be lost, and a client that is sent a call of a tool it does not have is worse off than with text. Known
    /// are the forms of Llama 3 and 3.1, and their habits:
    ///
    /// - `{"name": …, "parameters": {…}}`, also with `arguments`; several of them one after the other, with or without
    ///   semicolons between them, or in an array
    /// - `<function=NAME>{…}</function>`, one or several
    /// - `NAME.call(key="value")`, as for the tools that are built into the model
    /// - after the tag, a program, if `code_interpreter` is declared
    ///
    /// - Parameters:
    ///   - text: the answer, without special tokens.
    ///   - followsTag: whether it began with the token `<|python_tag|>`.
    ///   - tools: the names of the tools that the request declares.
    public static func calls(in text: String, followsTag: Bool, tools: Set<String>) -> [ToolCall]? {
        guard !tools.isEmpty else { return nil }
        let calls = Array(text.utf8).withUnsafeBufferPointer { bytes in
            var reader = ToolCallReader(bytes)
            return reader.calls()
        }
        if let calls { return calls.allSatisfy { tools.contains($0.name) } ? calls : nil }
        guard followsTag, tools.contains("code_interpreter"), !text.isEmpty else { return nil }
        return [ToolCall(name: "code_interpreter", arguments: (["code": .string(text)] as JSONValue).jsonText)]
    }
}

/// The identifiers of the calls in one answer: a function of the request and the answer, as everything in a response is.
struct ToolCallIdentifiers {
    private let seed: UInt64

    init(request: RequestBody, completion: Completion, choice: Int) {
        var hash = FNVHash()
        if case .chat(let chat) = request.prompt { hash.add(JSONValue.array(chat.messages).jsonText.utf8) }
        for token in completion.tokens { hash.add(token) }
        hash.add(choice)
        seed = hash.value
    }

    /// The identifier of a call by its place in the answer.
    subscript(index: Int) -> String {
        var hash = FNVHash(value: seed)
        hash.add(index)
        let digits = String(hash.value, radix: 16)
        return "call_" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The hash FNV-1a of 64 bits (Fowler, Noll and Vo): the same in every process, unlike Swift's own.
private struct FNVHash {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: UInt64(truncatingIfNeeded: number).littleEndian) { add($0) }
    }
}
