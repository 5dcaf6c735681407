/// How far a completion has come in its structure: a pure function of the structure and the tokens so far.
public struct StructureMatcher: Sendable {
    private let shelf: StructureShelf
    private var term: Term

    init(shelf: StructureShelf, term: Term) {
        self.shelf = shelf
        self.term = term
    }

    /// The tokens of text that may come next.
    ///
    /// - Throws: `StructureError` if the structure is too ambiguous to be followed.
    /// - Complexity: that of a look-up, for states that a completion of the structure was in before; else up to some
    ///   milliseconds.
    public func mask() throws(StructureError) -> TokenMask { try shelf.mask(of: term) }

    /// Whether the text so far is complete, though it may go on.
    public var isComplete: Bool { shelf.isNullable(term) }

    /// Whether the text so far is complete and nothing may follow.
    public var isFinished: Bool { term == TermStore.empty }

    /// Whether other structures, or this one, have taken all room there is: the next step may fail.
    public var isExhausted: Bool { shelf.isExhausted }

    /// Takes the bytes of the next token.
    ///
    /// - Returns: whether they fit; if not, the matcher stays where it is.
    public mutating func advance(over bytes: [UInt8]) throws(StructureError) -> Bool {
        let next = try shelf.step(term, over: bytes)
        guard next != TermStore.nothing else { return false }
        term = next
        return true
    }
}
