/// Terms, each of which is there once, and what may follow each byte of them.
struct TermStore: Sendable {
    static let nothing: Term = 0
    static let empty: Term = 1

    private(set) var nodes: [TermNode] = []
    /// Whether a term has the empty text.
    private(set) var isNullable: [Bool] = []
    /// The terms that rules stand for; `nothing` until they are defined.
    private(set) var rules: [Term] = []
    /// The bytes of all literals.
    private var literals: [UInt8] = []
    private var literalPlaces: [[UInt8]: Int32] = [:]
    private var terms: [TermNode: Term] = [:]
    /// Where a term's edges begin, once they are known; else -1. The last of them goes up to byte 255.
    var edgePlaces: [Int32] = []
    var edgeList: [Edge] = []
    /// The rule of any JSON value, once it is there.
    var anyValueRule: Int32?
    /// What all of this takes, in units of some 50 bytes.
    private(set) var size = 0
    /// The most that it may take.
    var limit: Int

    /// What a store may take in all: some 100 MB.
    static let defaultLimit = 2_000_000
    /// What a structure alone may take.
    static let structureLimit = 400_000

    init(limit: Int = defaultLimit) {
        self.limit = limit
        for node in [TermNode.nothing, .empty] {
            terms[node] = Term(nodes.count)
            nodes.append(node)
            isNullable.append(node == .empty)
            edgePlaces.append(-1)
        }
    }

    /// Counts room before it is taken.
    mutating func reserve(_ units: Int) throws(StructureError) {
        size += units
        guard size <= limit else {
            throw StructureError("is too large or too ambiguous to be followed: simplify it")
        }
    }

    private mutating func add(_ node: TermNode, nullable: Bool, units: Int = 2) throws(StructureError) -> Term {
        if let term = terms[node] { return term }
        try reserve(units)
        let term = Term(nodes.count)
        terms[node] = term
        nodes.append(node)
        isNullable.append(nullable)
        edgePlaces.append(-1)
        return term
    }

    subscript(term: Term) -> TermNode { nodes[Int(term)] }

    func isNullable(_ term: Term) -> Bool { isNullable[Int(term)] }
}

// MARK: - Making terms

extension TermStore {
    /// One byte of a set.
    mutating func bytes(_ set: ByteSet) throws(StructureError) -> Term {
        set.isEmpty ? Self.nothing : try add(.bytes(set), nullable: false)
    }

    /// One text.
    mutating func literal(_ bytes: some Collection<UInt8>) throws(StructureError) -> Term {
        guard !bytes.isEmpty else { return Self.empty }
        let bytes = Array(bytes)
        if let place = literalPlaces[bytes] { return try literal(from: place, to: place + Int32(bytes.count)) }
        try reserve(2 + bytes.count / 16)
        let place = Int32(literals.count)
        literals += bytes
        literalPlaces[bytes] = place
        return try literal(from: place, to: place + Int32(bytes.count))
    }

    /// What is in this range of the literals.
    mutating func literal(from start: Int32, to end: Int32) throws(StructureError) -> Term {
        start == end ? Self.empty : try add(.literal(start: start, end: end), nullable: false)
    }

    /// The byte at a place of the literals.
    func literalByte(at place: Int32) -> UInt8 { literals[Int(place)] }

    /// One text, then another.
    mutating func sequence(_ first: Term, _ second: Term) throws(StructureError) -> Term {
        if first == Self.nothing || second == Self.nothing { return Self.nothing }
        if first == Self.empty { return second }
        if second == Self.empty { return first }
        var parts: [Term] = []
        var rest = first
        while case .sequence(let part, let next) = self[rest] {
            parts.append(part)
            rest = next
        }
        parts.append(rest)
        var term = second
        for part in parts.reversed() {
            term = try add(.sequence(part, term), nullable: isNullable(part) && isNullable(term))
        }
        return term
    }

    /// Several texts one after another.
    mutating func sequence(_ parts: [Term]) throws(StructureError) -> Term {
        var term = Self.empty
        for part in parts.reversed() { term = try sequence(part, term) }
        return term
    }

    /// A text of any of several terms.
    mutating func choice(_ terms: some Sequence<Term>) throws(StructureError) -> Term {
        var set = ByteSet()
        var members: Set<Term> = []
        func add(_ term: Term) {
            if case .bytes(let bytes) = self[term] { set.formUnion(bytes) } else { members.insert(term) }
        }
        for term in terms where term != Self.nothing {
            if case .choice(let nested) = self[term] { nested.forEach(add) } else { add(term) }
        }
        if !set.isEmpty { members.insert(try bytes(set)) }
        if members.count < 2 { return members.first ?? Self.nothing }
        let sorted = members.sorted()
        return try self.add(
            .choice(sorted), nullable: sorted.contains { isNullable($0) }, units: 2 + sorted.count / 8)
    }

    /// So many texts of a term; a `maximum` of `TermNode.unlimited` is no limit.
    mutating func repetition(_ term: Term, _ minimum: Int32, _ maximum: Int32) throws(StructureError) -> Term {
        precondition(minimum >= 0 && minimum <= maximum, "a repetition of \(minimum) to \(maximum)")
        if maximum == 0 || term == Self.empty { return Self.empty }
        if term == Self.nothing { return minimum == 0 ? Self.empty : Self.nothing }
        let minimum = isNullable(term) ? 0 : minimum
        if minimum == 1, maximum == 1 { return term }
        return try add(.repetition(term, minimum: minimum, maximum: maximum), nullable: minimum == 0)
    }

    /// A text of a term, or none.
    mutating func optional(_ term: Term) throws(StructureError) -> Term { try repetition(term, 0, 1) }

    /// A text of a rule.
    mutating func rule(_ number: Int32) throws(StructureError) -> Term { try add(.rule(number), nullable: false) }

    /// A rule to be defined later.
    mutating func newRule() throws(StructureError) -> Int32 {
        try reserve(1)
        rules.append(Self.nothing)
        return Int32(rules.count - 1)
    }

    /// Says what a rule stands for, which must not have the empty text.
    mutating func define(_ rule: Int32, as term: Term) {
        precondition(!isNullable(term), "a rule has the empty text")
        rules[Int(rule)] = term
    }
}
