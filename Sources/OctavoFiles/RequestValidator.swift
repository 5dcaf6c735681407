import Foundation
public import OctavoCore
import OctavoGrammar
import OctavoQueue

/// A line of input that is a request, checked.
public struct ValidatedRequest: Sendable, Hashable {
    /// The line's number in its file, counted from 1.
    public var line: Int
    /// The caller's name for the request.
    public var customID: String
    /// The body as the worker will read it, the batch's settings applied.
    public var request: RequestBody
    /// The body without the name and without the batch's settings.
    let object: JSONObject
    /// `object` as JSON in UTF-8, on one line.
    public var body: [UInt8] { JSONValue.object(object).utf8 }
    /// Members of the body that nobody knows.
    public var unknownMembers: [String]
    /// The body's place in the line, for error messages: `body` in OpenAI's form, empty in a plain row.
    var bodyPath: String
}

/// Decides whether a line of input is a request, and says exactly why if it is not.
///
/// Two forms are known: OpenAI's batch line (`custom_id`, `method`, `url`, `body`) and the plain row, which is a body
/// with an optional `custom_id` or `id` beside its members. A line with `prompt` or `messages` at its top is a row.
public struct RequestValidator: Sendable {
    private let settings: JSONObject
    private let samplingDefaults: SamplingParameters
    private let model: String?
    private let modelAliases: Set<String>
    private let maximumLogprobs: Int
    private let structures = StructureChecks()

    /// A validator for the lines of one batch.
    ///
    /// - Parameter settings: sampling parameters for rows that do not set them.
    /// - Parameter samplingDefaults: the parameters that neither rows nor settings give.
    /// - Parameter model: the batch's model; a line that asks for another is refused. `nil` lets every line name its own.
    /// - Parameter modelAliases: other names that lines may have for the batch's model.
    /// - Parameter maximumLogprobs: the most alternatives at a position that a line may ask for.
    public init(
        settings: JSONObject = JSONObject(), samplingDefaults: SamplingParameters = SamplingParameters(),
        model: String? = nil, modelAliases: [String] = [], maximumLogprobs: Int = RequestBody.usualMaximumLogprobs
    ) {
        self.settings = settings
        self.samplingDefaults = samplingDefaults
        self.model = model
        self.modelAliases = Set(modelAliases)
        self.maximumLogprobs = maximumLogprobs
    }

    /// Checks one line, which must not be blank.
    ///
    /// - Throws: `BatchFileError` with the first thing that is wrong.
    public func validate(_ line: BatchFileReader.Line) throws(BatchFileError) -> ValidatedRequest {
        do throws(LineProblem) {
            let (customID, body, path) = try split(Self.parse(line), ordinal: line.ordinal)
            return try checked(
                body, customID: customID, line: line.number, at: path, mayContainNull: line.mayContainNull)
        } catch {
            throw BatchFileError(error, in: line)
        }
    }

    /// Reads again a line that was found to be a request.
    ///
    /// - Throws: `BatchFileError` if the line is no request, and so not what it was.
    func reread(_ line: BatchFileReader.Line) throws(BatchFileError) -> RereadRequest {
        do throws(LineProblem) {
            let (customID, body, _) = try split(Self.parse(line), ordinal: line.ordinal)
            return RereadRequest(customID: customID, body: JSONValue.object(body).utf8)
        } catch {
            throw BatchFileError(error, in: line)
        }
    }

    /// Checks a body that a line gave.
    ///
    /// - Parameter mayContainNull: `false` if it is known that no string in it has U+0000, which spares a search.
    func checked(
        _ body: JSONObject, customID: String, line: Int, at path: String = "", mayContainNull: Bool = true
    ) throws(LineProblem) -> ValidatedRequest {
        if mayContainNull, let place = Self.nullCharacter(in: .object(body)) {
            throw LineProblem(joined(path, place), "contains U+0000", "Remove the character.")
        }
        return ValidatedRequest(
            line: line, customID: customID, request: try parseBody(body, at: path), object: body,
            unknownMembers: RequestParameter.unknown(in: body), bodyPath: path)
    }
}

/// A request as it is read again.
struct RereadRequest: Sendable {
    var customID: String
    /// The body, as `ValidatedRequest` has it.
    var body: [UInt8]
}

/// What is wrong with a line, before file and number are known.
struct LineProblem: Error {
    var field: String?
    var reason: String
    var remedy: String

    init(_ field: String?, _ reason: String, _ remedy: String) {
        self.field = field
        self.reason = reason
        self.remedy = remedy
    }
}

extension BatchFileError {
    /// A problem of a line.
    init(_ problem: LineProblem, in line: BatchFileReader.Line) {
        self.init(
            file: line.file, line: line.number, field: problem.field, reason: problem.reason, remedy: problem.remedy)
    }
}

extension JSONValue {
    /// The value as compact JSON.
    var utf8: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }
}

extension BatchFileReader.Line {
    /// Whether a string in it may have U+0000: JSON can only write that as an escape, and most lines have
    /// none.
    fileprivate var mayContainNull: Bool {
        bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memchr($0, Int32(UInt8(ascii: "\\")), bytes.count) != nil } ?? false
        }
    }
}

// MARK: - The line

extension RequestValidator {
    /// Refuses a line that is too long, or not UTF-8.
    static func checkText(of line: BatchFileReader.Line) throws(LineProblem) {
        guard !line.isTruncated else {
            throw LineProblem(
                nil, "a line of \(line.length) bytes, but \(line.bytes.count) is the most", "Split or shorten it.")
        }
        do {
            _ = try UTF8Span(validating: line.bytes.span)
        } catch {
            throw LineProblem(
                nil, "invalid UTF-8 at byte \(error.byteOffsets.lowerBound + 1) of the line",
                "Save the file in UTF-8.")
        }
    }

    /// The object that a line holds.
    static func parse(_ line: BatchFileReader.Line) throws(LineProblem) -> JSONObject {
        try checkText(of: line)
        let value: JSONValue
        do {
            value = try JSONValue.parse(line.bytes)
        } catch {
            throw LineProblem(nil, "invalid JSON: \(error)", "Every line must be one complete JSON object.")
        }
        guard let object = value.objectValue else {
            throw LineProblem(
                nil, "must be an object, found \(value.typeName)", "Every line must be one complete JSON object.")
        }
        return object
    }

    /// Takes name and body of either form apart; `path` is the body's place in the line.
    private func split(
        _ object: JSONObject, ordinal: Int
    ) throws(LineProblem) -> (customID: String, body: JSONObject, path: String) {
        if object["prompt"] == nil, object["messages"] == nil {
            guard ["body", "url", "method"].contains(where: { object[$0] != nil }) else {
                throw LineProblem(
                    nil, "neither prompt nor messages nor body",
                    "Give the line a \"prompt\" or \"messages\", or make it an OpenAI batch line.")
            }
            return try splitBatchLine(object)
        }
        var body = object
        body["custom_id"] = nil
        body["id"] = nil
        for key in ["custom_id", "id"] {
            guard let value = object[key], !value.isNull else { continue }
            return (try rowName(value, key: key), body, "")
        }
        return ("request-\(ordinal)", body, "")
    }

    private func splitBatchLine(
        _ object: JSONObject
    ) throws(LineProblem) -> (customID: String, body: JSONObject, path: String) {
        let name = try string(object, "custom_id", "Give every line its own \"custom_id\", a string.")
        try checkName(name, key: "custom_id")
        let method = try string(object, "method", "Write \"method\": \"POST\".")
        guard method == "POST" else {
            throw LineProblem("method", "must be \"POST\", found \(quoted(method))", "Write \"method\": \"POST\".")
        }
        let known = Endpoint.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
        let url = try string(object, "url", "Write \"url\": \(known).")
        guard let endpoint = Endpoint(rawValue: url) else {
            throw LineProblem("url", "must be \(known), found \(quoted(url))", "Other endpoints cannot be answered.")
        }
        guard let body = object["body"] else {
            throw LineProblem("body", "missing", "Put the request into \"body\".")
        }
        guard let body = body.objectValue else {
            throw LineProblem("body", "must be an object, found \(body.typeName)", "Put the request into \"body\".")
        }
        let (needed, other) = endpoint == .chatCompletions ? ("messages", "prompt") : ("prompt", "messages")
        if body[needed] == nil, body[other] != nil {
            throw LineProblem(
                "url", "is \"\(url)\", which takes \(needed), but body has \(other)",
                "Change the url, or give the body \(needed).")
        }
        guard body[needed] != nil else {
            throw LineProblem("body.\(needed)", "missing", "\"\(url)\" needs \(needed).")
        }
        return (name, body, "body")
    }

    private func string(_ object: JSONObject, _ key: String, _ remedy: String) throws(LineProblem) -> String {
        guard let value = object[key] else { throw LineProblem(key, "missing", remedy) }
        guard let string = value.stringValue else {
            throw LineProblem(key, "must be a string, found \(value.typeName)", remedy)
        }
        return string
    }

    private func rowName(_ value: JSONValue, key: String) throws(LineProblem) -> String {
        switch value {
        case .integer(let number): return String(number)
        case .bigInteger(let digits): return digits
        case .string(let name):
            try checkName(name, key: key)
            return name
        default:
            throw LineProblem(
                key, "must be a string or an integer, found \(value.typeName)",
                "Correct it, or leave it out: the row is then called after its line.")
        }
    }

    func checkName(_ name: String, key: String) throws(LineProblem) {
        let remedy = "Give the line a name of 1 to \(RequestRow.maximumCustomIDBytes) bytes."
        guard !name.isEmpty else { throw LineProblem(key, "must not be empty", remedy) }
        guard name.utf8.count <= RequestRow.maximumCustomIDBytes else {
            throw LineProblem(key, "has \(name.utf8.count) bytes", remedy)
        }
        guard !name.utf8.contains(0) else { throw LineProblem(key, "contains U+0000", "Remove the character.") }
    }

}

// MARK: - The body

extension RequestValidator {
    private func parseBody(_ body: JSONObject, at path: String) throws(LineProblem) -> RequestBody {
        let request: RequestBody
        do {
            request = try RequestBody.parse(
                body, defaults: settings, sampling: samplingDefaults, maximumLogprobs: maximumLogprobs)
            try structures.check(request.sampling.structure)
        } catch {
            throw LineProblem(error, at: path)
        }
        if let model, let asked = request.model, asked != model, !modelAliases.contains(asked) {
            throw LineProblem(
                joined(path, "model"), "is \(quoted(asked)), but the batch is for \(quoted(model))",
                "Remove it from the line, or queue the line in a batch of its own.")
        }
        return request
    }

    /// The path to a string or key with U+0000: no text column can hold it, so that it could not be read with SQL.
    private static func nullCharacter(in value: JSONValue) -> String? {
        switch value {
        case .string(let text): return text.utf8.contains(0) ? "" : nil
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                if let rest = nullCharacter(in: element) { return joined("[\(index)]", rest) }
            }
        case .object(let object):
            for member in object.members {
                if member.key.utf8.contains(0) { return printable(member.key) }
                if let rest = nullCharacter(in: member.value) { return joined(printable(member.key), rest) }
            }
        case .null, .bool, .integer, .bigInteger, .double: break
        }
        return nil
    }
}

extension LineProblem {
    /// The problem that a request's body has, with what to do about it.
    init(_ error: RequestError, at path: String) {
        let remedy =
            switch error.code {
            case "context_length_exceeded": "Shorten the prompt or max_tokens, or take a model with a longer context."
            case "unsupported_parameter": "Remove the parameter."
            case "invalid_structure": "docs/structured-output.md says what is supported."
            default:
                switch error.parameter {
                case let parameter? where parameter.hasSuffix(".role"):
                    "Give every message a \"role\", such as \"user\"."
                case let parameter? where parameter.hasPrefix("messages"):
                    "Write messages as [{\"role\": \"user\", \"content\": \"…\"}]."
                case let parameter? where parameter.hasPrefix("prompt"):
                    "Write the prompt as a string."
                default: "Correct the value or remove it."
                }
            }
        self.init(error.parameter.map { joined(path, printable($0)) }, error.message, remedy)
    }
}

/// One path after another: `a` and `b.c` give `a.b.c`, `a` and `[0]` give `a[0]`.
private func joined(_ path: String, _ rest: String) -> String {
    path.isEmpty || rest.isEmpty || rest.hasPrefix("[") ? path + rest : "\(path).\(rest)"
}

/// A key of the file as it stands in a message: control characters escaped.
private func printable(_ key: String) -> String { String(JSONValue.string(key).jsonText.dropFirst().dropLast()) }

/// A text from the file as it stands in a message: in quotes, and cut if it is long.
func quoted(_ text: String) -> String {
    JSONValue.string(text.count > 40 ? text.prefix(40) + "…" : text).jsonText
}
