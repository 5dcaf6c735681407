/// Why a request cannot be answered: its own fault, in the words of OpenAI's error object.
public struct RequestError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public var message: String
    /// The body's parameter at fault, as a path: `messages[2].content`.
    public var parameter: String?
    /// OpenAI's machine-readable code, such as `context_length_exceeded`.
    public var code: String?

    /// An error about `parameter`.
    public init(_ message: String, parameter: String? = nil, code: String? = nil) {
        self.message = message
        self.parameter = parameter
        self.code = code
    }

    /// The parameter and the message.
    public var description: String { parameter.map { "\($0): \(message)" } ?? message }

    /// OpenAI's error object: `message`, which names the parameter, `type`, `param` and `code`.
    public var json: JSONValue {
        [
            "message": .string(description), "type": "invalid_request_error",
            "param": parameter.map(JSONValue.string) ?? .null, "code": code.map(JSONValue.string) ?? .null,
        ]
    }
}
