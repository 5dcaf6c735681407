/// A term's number in its store. Equal terms have equal numbers.
typealias Term = Int32

/// A set of texts, in bytes, made of smaller ones.
///
/// What may follow a text is again such a set, its derivative (Brzozowski, "Derivatives of Regular Expressions", 1964), so
/// that a term is also the state of an automaton: a sequence is its stack, a repetition its counter.
enum TermNode: Hashable, Sendable {
    /// No text at all.
    case nothing
    /// The empty text.
    case empty
    /// One byte out of a set that is not empty.
    case bytes(ByteSet)
    /// The bytes in this range of the store's literals, at least one.
    case literal(start: Int32, end: Int32)
    /// A text of the first, then one of the second; the first is no sequence itself.
    case sequence(Term, Term)
    /// A text of any of several terms, in order of their numbers, none of which is a choice.
    case choice([Term])
    /// At least `minimum` and at most `maximum` texts of a term.
    case repetition(Term, minimum: Int32, maximum: Int32)
    /// A text of the rule of that number, which is never empty.
    case rule(Int32)

    /// The `maximum` of a repetition without end.
    static let unlimited = Int32.max
}
