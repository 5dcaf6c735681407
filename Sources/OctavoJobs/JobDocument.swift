internal import Foundation
internal import OctavoCore
internal import Yams

/// A recipe's YAML as a JSON value, with the lines on which its keys and elements stand.
///
/// Scalars follow YAML 1.2's core schema: `no` and `on` are words, not booleans. Every value is one that JSON has, and
/// the stored form of a recipe is this value.
struct JobDocument {
    /// The largest recipe that is read, in bytes.
    static let maximumBytes = 1 << 20
    /// Values at which a document is refused: aliases can make a small file large.
    private static let maximumValues = 100_000

    let file: String
    private(set) var root: JSONObject = JSONObject()
    /// Lines by path; empty for a recipe that was stored.
    private var lines: [String: Int] = [:]
    private var values = 0

    /// A recipe that was stored with a batch.
    init(stored: JSONObject, name: String) {
        file = name
        root = stored
    }

    /// Parses a recipe.
    ///
    /// - Throws: `JobError` where it is no YAML, or no mapping of text keys.
    init(yaml: String, file: String) throws(JobError) {
        self.file = file
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw Self.error(error, file: file)
        }
        guard let node, case .object(let object) = try value(of: node, at: "") else {
            throw JobError(
                file: file, reason: "is not a mapping of keys to values",
                remedy: "Begin it with keys, such as \"prompt:\".")
        }
        root = object
    }

    /// An error at a key.
    func error(_ key: String?, _ reason: String, _ remedy: String) -> JobError {
        JobError(file: file, line: key.flatMap { lines[$0] }, key: key, reason: reason, remedy: remedy)
    }

    private mutating func value(of node: Node, at path: String) throws(JobError) -> JSONValue {
        values += 1
        guard values <= Self.maximumValues else {
            throw error(nil, "has more than \(Self.maximumValues) values", "Make it smaller.")
        }
        if lines[path] == nil { lines[path] = node.mark?.line }
        switch node {
        case .scalar(let scalar):
            return scalar.style == .plain ? Self.plain(scalar.string) : .string(scalar.string)
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for (index, element) in sequence.enumerated() {
                elements.append(try value(of: element, at: "\(path)[\(index)]"))
            }
            return .array(elements)
        case .mapping(let mapping):
            var members: [JSONObject.Member] = []
            for (key, node) in mapping {
                guard case .scalar(let name) = key else {
                    throw error(path.isEmpty ? nil : path, "has a key that is not text", "Write the key as a word.")
                }
                let place = path.isEmpty ? name.string : "\(path).\(name.string)"
                lines[place] = key.mark?.line
                members.append(JSONObject.Member(key: name.string, value: try value(of: node, at: place)))
            }
            return .object(JSONObject(members: members))
        case .alias:
            throw error(path.isEmpty ? nil : path, "is an alias that could not be resolved", "Write the value out.")
        }
    }

    /// A scalar without quotes.
    private static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: break
        }
        if let integer = Int(text) { return .integer(integer) }
        let isNumber = text.first.map { "+-.0123456789".contains($0) } == true && text.contains(where: \.isNumber)
        if isNumber, let number = Double(text), number.isFinite { return .double(number) }
        return .string(text)
    }

    private static func error(_ error: any Error, file: String) -> JobError {
        let remedy = "Correct the YAML there."
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return JobError(file: file, line: mark.line, reason: "invalid YAML: \(problem)", remedy: remedy)
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
            return JobError(
                file: file, line: context.mark.line, reason: "has \(names) twice", remedy: "Remove one of them.")
        default: return JobError(file: file, reason: "invalid YAML", remedy: "Check the file; it must be UTF-8.")
        }
    }
}
