/// Reads regular expressions: what JavaScript (ECMA-262), Python and Rust understand alike, as far as it is regular.
///
/// An expression must match as a whole, so `^` and `$` say nothing, and are taken only where they could be true.
struct RegexParser {
    private static let maximumDepth = 100
    private static let maximumLength = 20_000
    static let maximumCount: Int32 = 1_000_000

    private let scalars: [Unicode.Scalar]
    private var place = 0
    private var depth = 0

    /// Reads a whole expression.
    static func parse(_ pattern: String) throws(StructureError) -> Regex {
        var parser = RegexParser(scalars: Array(pattern.unicodeScalars))
        guard parser.scalars.count <= maximumLength else {
            throw StructureError("a regular expression of more than \(maximumLength) characters")
        }
        let regex = try parser.alternatives()
        guard parser.peek == nil else { throw parser.failure("has a \")\" without \"(\"") }
        return regex
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    var peek: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

    mutating func next() throws(StructureError) -> Unicode.Scalar {
        guard let scalar = peek else { throw failure("ends too early") }
        place += 1
        return scalar
    }

    /// Takes a text, if it comes next.
    mutating func take(_ text: String) -> Bool {
        guard scalars[place...].starts(with: text.unicodeScalars) else { return false }
        place += text.unicodeScalars.count
        return true
    }

    func failure(_ reason: String) -> StructureError {
        StructureError("the regular expression \(reason) (at character \(place + 1)): correct it")
    }

    func unsupported(_ what: String) -> StructureError {
        StructureError("the regular expression has \(what), which is not supported (at character \(place + 1))")
    }
}

// MARK: - Structure

extension RegexParser {
    private mutating func alternatives() throws(StructureError) -> Regex {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw failure("is nested deeper than \(Self.maximumDepth)") }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws(StructureError) -> Regex {
        var parts: [Regex] = []
        while take("^") {}
        while let scalar = peek, scalar != "|", scalar != ")" {
            if take("$") {
                while take("$") {}
                guard peek == nil || peek == "|" || peek == ")" else {
                    throw unsupported("\"$\" before the end")
                }
                break
            }
            guard scalar != "^" else { throw unsupported("\"^\" after the beginning") }
            parts.append(try repeated(atom()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func atom() throws(StructureError) -> Regex {
        let scalar = try next()
        switch scalar {
        case "(":
            try groupKind()
            let group = try alternatives()
            guard take(")") else { throw failure("has a \"(\" without \")\"") }
            return group
        case "[": return .scalar(try characterClass())
        case ".": return .scalar(ScalarSet("\n\r\u{2028}\u{2029}").complement)
        case "\\": return .scalar(try escape(inClass: false))
        case "*", "+", "?": throw failure("has a \"\(scalar)\" after nothing")
        case "{", "}", "]":
            // JavaScript's Unicode mode and Rust refuse them; Python and older JavaScript read them as themselves.
            return .scalar(ScalarSet(String(scalar)))
        default: return .scalar(ScalarSet(String(scalar)))
        }
    }

    /// What stands after a parenthesis: groups are all alike, since nothing is captured.
    private mutating func groupKind() throws(StructureError) {
        guard take("?") else { return }
        if take(":") { return }
        for look in ["=", "!", "<=", "<!"] where take(look) { throw unsupported("a look-around") }
        guard take("P<") || take("<") else { throw unsupported("a group beginning with \"(?\"") }
        while try next() != ">" {}
    }

    private mutating func repeated(_ atom: Regex) throws(StructureError) -> Regex {
        guard let (minimum, maximum) = try quantifier() else { return atom }
        // A lazy repetition matches the same texts.
        if !take("?"), peek == "+" { throw unsupported("a possessive repetition") }
        guard try quantifier() == nil else { throw failure("repeats a repetition") }
        return .repetition(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func quantifier() throws(StructureError) -> (Int32, Int32)? {
        if take("*") { return (0, TermNode.unlimited) }
        if take("+") { return (1, TermNode.unlimited) }
        if take("?") { return (0, 1) }
        let start = place
        guard take("{") else { return nil }
        let minimum = try number()
        var maximum = minimum
        if take(",") { maximum = try number() ?? TermNode.unlimited }
        guard let minimum, let maximum, take("}") else {
            // Not a quantifier but a brace.
            place = start
            return nil
        }
        guard minimum <= maximum else { throw failure("repeats from \(minimum) to \(maximum) times") }
        return (minimum, maximum)
    }

    private mutating func number() throws(StructureError) -> Int32? {
        var value: Int32?
        while let digit = peek, ("0"..."9").contains(digit) {
            place += 1
            value = (value ?? 0) * 10 + Int32(digit.value - 0x30)
            guard value ?? 0 <= Self.maximumCount else {
                throw failure("repeats more than \(Self.maximumCount) times")
            }
        }
        return value
    }
}
