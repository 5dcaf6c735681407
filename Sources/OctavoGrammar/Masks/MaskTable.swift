import OctavoCore

/// Finds the tokens that may come next, and remembers them.
struct MaskTable: Sendable {
    /// What is known of a term at the head of a sequence, whatever follows it.
    private struct Profile: Sendable {
        /// The tokens that stay within it.
        var inside: TokenMask
        /// A bit for every node of the tree: whether the head's text may end there.
        var exits: [UInt64]

        func isExit(_ node: Int) -> Bool { exits[node >> 6] >> UInt64(node & 63) & 1 == 1 }
    }

    /// What masks may take.
    private static let maximumBytes = 64 << 20

    var terms: TermStore
    let trie: TokenTrie
    private var masks: [Term: TokenMask] = [:]
    private var profiles: [Term: Profile] = [:]
    private var states: [Term]

    init(terms: TermStore, trie: TokenTrie) {
        self.terms = terms
        self.trie = trie
        states = [Term](repeating: TermStore.nothing, count: trie.longest + 1)
    }

    /// The tokens with which a text of a term may go on.
    mutating func mask(of term: Term) throws(StructureError) -> TokenMask {
        if let known = masks[term] { return known }
        var mask = TokenMask(vocabularySize: trie.vocabularySize)
        var narrow: [Term] = []
        var pending = [term]
        var seen: Set<Term> = []
        while let next = pending.popLast() {
            guard seen.insert(next).inserted else { continue }
            switch terms[next] {
            case .choice(let members): pending += members
            case .sequence(let head, let tail) where isWide(head):
                let profile = try profile(of: clamped(head))
                mask.formUnion(profile.inside)
                try walk(tail, behind: profile, into: &mask)
                if terms.isNullable(head) { pending.append(tail) }
            case .repetition where isWide(next): mask.formUnion(try profile(of: clamped(next)).inside)
            default: narrow.append(next)
            }
        }
        try walk(terms.choice(narrow), from: 0, to: trie.count, into: &mask)
        mask.countTokens()
        makeRoom()
        masks[term] = mask
        return mask
    }

    /// Masks are cheap to make again, so that all may go when they are too many.
    private mutating func makeRoom() {
        let size = trie.vocabularySize / 8 + 64
        if masks.count * size + profiles.count * (size + trie.count / 8) > Self.maximumBytes {
            masks = [:]
            profiles = [:]
        }
    }
}

// MARK: - Heads

extension MaskTable {
    /// Whether most tokens may go on from a head, and never leave it: then it is worth knowing them once for all that may
    /// follow. The characters of strings are such.
    private func isWide(_ head: Term) -> Bool {
        if case .repetition(_, _, let maximum) = terms[head] { maximum > 1 } else { false }
    }

    /// A repetition that differs from one without end only beyond the longest token, as that one.
    private mutating func clamped(_ head: Term) throws(StructureError) -> Term {
        guard case .repetition(let part, let minimum, let maximum) = terms[head] else { return head }
        let reach = Int32(trie.longest) + 1
        let most = maximum > reach ? TermNode.unlimited : maximum
        return try terms.repetition(part, min(minimum, reach), most)
    }

    private mutating func profile(of head: Term) throws(StructureError) -> Profile {
        if let known = profiles[head] { return known }
        var exits = [UInt64](repeating: 0, count: (trie.count + 63) / 64)
        var inside = TokenMask(vocabularySize: trie.vocabularySize)
        try walk(head, from: 0, to: trie.count, into: &inside) { node, isNullable in
            if isNullable { exits[node >> 6] |= 1 << UInt64(node & 63) }
        }
        let profile = Profile(inside: inside, exits: exits)
        profiles[head] = profile
        return profile
    }
}

// MARK: - Walking the tree

extension MaskTable {
    /// Inserts the tokens of the nodes from `first` on, up to `end`, along whose bytes a term goes on; the first node is at
    /// the top of a part of the tree.
    ///
    /// - Parameter visit: called with each such node, and whether the term's text may end there.
    private mutating func walk(
        _ term: Term, from first: Int, to end: Int, into mask: inout TokenMask,
        visit: (_ node: Int, _ isNullable: Bool) -> Void = { _, _ in }
    ) throws(StructureError) {
        guard first < end else { return }
        let base = Int(trie.depths[first])
        var node = first
        states[0] = term
        while node < end {
            let depth = Int(trie.depths[node]) - base
            let next = try terms.step(states[depth], trie.bytes[node])
            guard next != TermStore.nothing else {
                node = Int(trie.ends[node])
                continue
            }
            insertTokens(at: node, into: &mask)
            visit(node, terms.isNullable(next))
            states[depth + 1] = next
            node += 1
        }
    }

    /// Inserts the tokens in which the text of a head ends, and that of the term behind it goes on.
    private mutating func walk(
        _ term: Term, behind head: Profile, into mask: inout TokenMask
    ) throws(StructureError) {
        var first = 0
        for edge in try terms.edges(of: term) {
            defer { first = Int(edge.last) + 1 }
            guard edge.target != TermStore.nothing else { continue }
            for byte in UInt8(first)...edge.last {
                for node in trie.nodes(endingWith: byte).map(Int.init) {
                    guard trie.parents[node] >= 0, head.isExit(Int(trie.parents[node])) else { continue }
                    insertTokens(at: node, into: &mask)
                    try walk(edge.target, from: node + 1, to: Int(trie.ends[node]), into: &mask)
                }
            }
        }
    }

    private func insertTokens(at node: Int, into mask: inout TokenMask) {
        for place in Int(trie.tokenPlaces[node])..<Int(trie.tokenPlaces[node + 1]) { mask.insert(trie.tokens[place]) }
    }
}
