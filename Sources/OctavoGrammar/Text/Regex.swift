/// A regular expression over Unicode scalars.
indirect enum Regex: Hashable, Sendable {
    /// One scalar of a set.
    case scalar(ScalarSet)
    /// One after another.
    case sequence([Regex])
    /// Any of several.
    case choice([Regex])
    /// So many times; a `maximum` of `TermNode.unlimited` is no limit.
    case repetition(Regex, minimum: Int32, maximum: Int32)
}

/// How scalars of a text are written.
enum TextEncoding: Hashable, Sendable {
    /// As they are.
    case plain
    /// As within a JSON string, where some are escaped.
    case jsonString
}

extension TermStore {
    /// The texts that a regular expression matches as a whole.
    mutating func term(of regex: Regex, in encoding: TextEncoding) throws(StructureError) -> Term {
        switch regex {
        case .scalar(let set):
            return encoding == .plain ? try scalar(in: set) : try jsonCharacter(in: set)
        case .sequence(let parts):
            var terms: [Term] = []
            for part in parts { terms.append(try term(of: part, in: encoding)) }
            return try sequence(terms)
        case .choice(let parts):
            var terms: [Term] = []
            for part in parts { terms.append(try term(of: part, in: encoding)) }
            return try choice(terms)
        case .repetition(let part, let minimum, let maximum):
            return try repetition(term(of: part, in: encoding), minimum, maximum)
        }
    }

    /// The texts of a regular expression that we wrote.
    mutating func term(regex pattern: String) throws(StructureError) -> Term {
        try term(of: RegexParser.parse(pattern), in: .plain)
    }
}
