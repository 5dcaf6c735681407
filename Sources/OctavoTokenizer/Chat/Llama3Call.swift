import OctavoCore

/// A past call of a tool, as Llama 3's own form writes it (`ToolUtils` of Meta's llama-models, 0.3).
struct Llama3Call {
    /// How calls of tools that are not built into the model are written.
    enum Format: String, CaseIterable {
        /// `{"type": "function", "name": …, "parameters": {…}}`
        case json
        /// `<function=NAME>{…}</function>`
        case functionTag = "function_tag"
        /// `[NAME(key="value")]`
        case pythonList = "python_list"

        /// The format that an option names; JSON if it names none.
        init(_ option: JSONValue?) throws(ChatTemplateError) {
            guard let option, !option.isNull else {
                self = .json
                return
            }
            guard let format = option.stringValue.flatMap(Format.init) else {
                let names = Format.allCases.map(\.rawValue).joined(separator: ", ")
                throw .option(name: "tool_prompt_format", reason: "must be one of \(names)")
            }
            self = format
        }
    }

    /// The tools that Llama 3.1 knows without a description, and the argument that each takes.
    private static let builtIn = [
        "brave_search": "query", "wolfram_alpha": "query", "photogen": "query", "code_interpreter": "code",
    ]

    private let name: String
    private let arguments: JSONValue
    private let message: Int

    /// A call in OpenAI's form, its arguments parsed.
    init(_ call: JSONValue, message: Int) throws(ChatTemplateError) {
        guard let name = call["function"]?["name"]?.stringValue else {
            throw .message(index: message, reason: "a tool call needs the name of its function")
        }
        self.name = name
        self.message = message
        arguments = call["function"]?["arguments"] ?? [:]
    }

    /// Whether it is a program to run, which a tag goes before.
    var isCode: Bool { name == "code_interpreter" && arguments["code"]?.stringValue != nil }

    /// The call in text.
    func text(in format: Format) throws(ChatTemplateError) -> String {
        if let argument = Self.builtIn[name].flatMap({ arguments[$0]?.stringValue }) {
            return isCode ? argument : "\(name).call(query=\"\(argument)\")"
        }
        switch format {
        case .json:
            return try PythonText.json(
                ["type": "function", "name": .string(name), "parameters": arguments], message: message)
        case .functionTag: return "<function=\(name)>\(try PythonText.json(arguments, message: message))</function>"
        case .pythonList: return "[\(name)(\(try keywords(arguments)))]"
        }
    }

    /// Keyword arguments as Meta writes them: strings in quotes, but with nothing escaped.
    private func keywords(_ value: JSONValue) throws(ChatTemplateError) -> String {
        var texts: [String] = []
        for member in value.objectValue?.members ?? [] { texts.append("\(member.key)=\(try literal(member.value))") }
        return texts.joined(separator: ", ")
    }

    private func literal(_ value: JSONValue) throws(ChatTemplateError) -> String {
        switch value {
        case .string(let text): return "\"\(text)\""
        case .array(let elements):
            var texts: [String] = []
            for element in elements { texts.append(try literal(element)) }
            return "[\(texts.joined(separator: ", "))]"
        case .object: return "{\(try keywords(value))}"
        default: return try PythonText.string(value, message: message)
        }
    }

    /// A message whose calls, if in Meta's form, are in OpenAI's.
    static func inOpenAIForm(_ message: JSONValue) -> JSONValue {
        guard case .object(var object) = message, let calls = object["tool_calls"]?.arrayValue else { return message }
        object["tool_calls"] = .array(
            calls.map { call in
                guard call["function"] == nil, let name = call["tool_name"] else { return call }
                return ["function": ["name": name, "arguments": call["arguments"] ?? [:]]]
            })
        return .object(object)
    }
}

/// The descriptions of tools in Llama 3's own form.
///
/// Meta's `ChatFormat` leaves them to whoever writes the system message. The words are ours; the form of the answer
/// that they ask for is the one that Llama 3.1 was trained on.
enum Llama3Tools {
    private static let instructions = """
        You can call the functions below, each described in JSON. To call one, answer with nothing but a JSON object \
        of its name and its arguments: {"name": "the_function", "parameters": {"an_argument": "its value"}}. To call \
        several, write several objects with semicolons between them. When no function helps, answer in words.
        """

    /// What goes into the system message; `nil` if there are no tools.
    static func description(of tools: JSONValue) throws(ChatTemplateError) -> String? {
        guard let tools = tools.arrayValue, !tools.isEmpty else { return nil }
        var lines = [instructions, ""]
        for tool in tools { lines.append(try PythonText.json(tool["function"] ?? tool, message: nil)) }
        return lines.joined(separator: "\n")
    }
}

/// Values as Python writes them.
private enum PythonText {
    /// `json.dumps(value)`.
    static func json(_ value: JSONValue, message: Int?) throws(ChatTemplateError) -> String {
        try text(message) { budget in
            try JSONDump.text(of: TemplateValue(value), style: JSONDump.Style(escapesNonASCII: true), budget)
        }
    }

    /// `str(value)`.
    static func string(_ value: JSONValue, message: Int?) throws(ChatTemplateError) -> String {
        try text(message) { budget in try PythonRepresentation.string(of: TemplateValue(value), budget) }
    }

    private static func text(
        _ message: Int?, _ write: (TemplateBudget) throws -> TemplateText
    ) throws(ChatTemplateError) -> String {
        do {
            return try write(TemplateBudget(ChatTemplate.Limits())).string
        } catch {
            let reason = (error as? TemplateFault)?.reason ?? "\(error)"
            throw message.map { .message(index: $0, reason: reason) } ?? .option(name: "tools", reason: reason)
        }
    }
}
