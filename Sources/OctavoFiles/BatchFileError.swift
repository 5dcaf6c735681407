/// What is wrong with an input or output file: where, why, and what to do about it.
///
/// `description` reads `prompts.jsonl:17: messages[0].role: missing. Give every message a role.`
public struct BatchFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What sort of failure it is; a command line turns it into an exit status.
    public enum Kind: Sendable, Hashable {
        /// The input is there, but is not what it should be.
        case invalidInput
        /// The input is not there or cannot be read.
        case unreadableInput
        /// The output cannot be written.
        case unwritableOutput
    }

    /// What sort of failure it is.
    public var kind: Kind
    /// The file as the caller named it; `<stdin>` for standard input.
    public var file: String
    /// The line, counted from 1, if one line is at fault.
    public var line: Int?
    /// The member of the line at fault, as a path: `body.messages[2].content`.
    public var field: String?
    /// What is wrong, as a phrase.
    public var reason: String
    /// What to do, as a sentence.
    public var remedy: String

    /// An error in a file, or in one line of it.
    public init(
        _ kind: Kind = .invalidInput, file: String, line: Int? = nil, field: String? = nil, reason: String,
        remedy: String
    ) {
        self.kind = kind
        self.file = file
        self.line = line
        self.field = field
        self.reason = reason
        self.remedy = remedy
    }

    /// The place, the reason and the remedy on one line.
    public var description: String {
        let place = file + (line.map { ":\($0)" } ?? "") + ": " + (field.map { "\($0): " } ?? "")
        return "\(place)\(reason). \(remedy)"
    }
}

/// All that is wrong with the lines of a batch, of which only the first few are kept.
public struct BatchFileErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// How many errors are kept at most; the others are only counted.
    public static let maximumKept = 20

    /// The first errors, in the order of the lines.
    public private(set) var first: [BatchFileError] = []
    /// How many errors there are.
    public private(set) var count = 0
    /// The file to which all of them were written, if one was asked for.
    public internal(set) var path: String?

    /// No errors yet.
    public init() {}

    /// Counts an error, and keeps it if it is among the first.
    public mutating func append(_ error: BatchFileError) {
        count += 1
        if first.count < Self.maximumKept { first.append(error) }
    }

    /// The first errors, one a line, and how many more there are.
    public var description: String {
        var lines = first.map(\.description)
        if count > first.count {
            let place = path.map { "; \($0) has all of them" } ?? ""
            lines.append("and \(count - first.count) more invalid lines\(place)")
        }
        return lines.joined(separator: "\n")
    }
}
