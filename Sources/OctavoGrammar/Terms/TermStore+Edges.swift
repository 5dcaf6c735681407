/// What follows the bytes from the one after the edge before it up to `last`. A term's edges cover all bytes.
struct Edge: Sendable, Hashable {
    var last: UInt8
    var target: Term
}

extension TermStore {
    /// The derivative of a term by a byte: what may follow the byte in the term's texts.
    mutating func step(_ term: Term, _ byte: UInt8) throws(StructureError) -> Term {
        var place = Int(edgePlaces[Int(term)])
        if place < 0 { place = try findEdges(of: term) }
        while edgeList[place].last < byte { place += 1 }
        return edgeList[place].target
    }

    /// All edges of a term.
    mutating func edges(of term: Term) throws(StructureError) -> [Edge] {
        if edgePlaces[Int(term)] < 0 { _ = try findEdges(of: term) }
        return known(term)
    }

    /// Computes a term's edges, what they follow from first; without recursion, since texts can be nested as deep as they are
    /// long.
    ///
    /// - Returns: where they begin.
    private mutating func findEdges(of term: Term) throws(StructureError) -> Int {
        var pending = [term]
        while let next = pending.last {
            if edgePlaces[Int(next)] >= 0 {
                pending.removeLast()
                continue
            }
            let count = pending.count
            forEachDependency(of: next) { if edgePlaces[Int($0)] < 0 { pending.append($0) } }
            guard pending.count == count else { continue }
            let edges = try derive(next)
            try reserve(1 + edges.count / 6)
            edgePlaces[Int(next)] = Int32(edgeList.count)
            edgeList += edges
            pending.removeLast()
        }
        return Int(edgePlaces[Int(term)])
    }

    /// The terms from whose edges those of `term` follow.
    private func forEachDependency(of term: Term, _ body: (Term) -> Void) {
        switch self[term] {
        case .nothing, .empty, .bytes, .literal: break
        case .sequence(let first, let second):
            body(first)
            if isNullable(first) { body(second) }
        case .choice(let members): members.forEach(body)
        case .repetition(let repeated, _, _): body(repeated)
        case .rule(let rule): body(rules[Int(rule)])
        }
    }

    private mutating func derive(_ term: Term) throws(StructureError) -> [Edge] {
        switch self[term] {
        case .nothing, .empty: return [Edge(last: 255, target: Self.nothing)]
        case .bytes(let set): return Self.edges(over: set.ranges, to: Self.empty)
        case .literal(let start, let end):
            let byte = literalByte(at: start)
            return Self.edges(over: [byte...byte], to: try literal(from: start + 1, to: end))
        case .sequence(let first, let second):
            let edges = try known(first, followedBy: second)
            return isNullable(first) ? try union([edges, known(second)]) : edges
        case .choice(let members): return try union(members.map(known))
        case .repetition(let repeated, let minimum, let maximum):
            let fewer = maximum == TermNode.unlimited ? maximum : maximum - 1
            return try known(repeated, followedBy: repetition(repeated, max(minimum - 1, 0), fewer))
        case .rule(let rule): return known(rules[Int(rule)])
        }
    }

    private static func edges(over ranges: [ClosedRange<UInt8>], to target: Term) -> [Edge] {
        var edges: [Edge] = []
        for range in ranges {
            if range.lowerBound > 0, edges.last?.last != range.lowerBound - 1 {
                edges.append(Edge(last: range.lowerBound - 1, target: nothing))
            }
            edges.append(Edge(last: range.upperBound, target: target))
        }
        if edges.last?.last != 255 { edges.append(Edge(last: 255, target: nothing)) }
        return edges
    }

    private func known(_ term: Term) -> [Edge] {
        let start = Int(edgePlaces[Int(term)])
        var end = start
        while edgeList[end].last < 255 { end += 1 }
        return Array(edgeList[start...end])
    }

    private mutating func known(_ term: Term, followedBy next: Term) throws(StructureError) -> [Edge] {
        var edges = known(term)
        for index in edges.indices { edges[index].target = try sequence(edges[index].target, next) }
        return edges
    }

    /// The edges of a choice of terms that have these.
    private mutating func union(_ lists: [[Edge]]) throws(StructureError) -> [Edge] {
        var ends = ByteSet()
        for edge in lists.joined() { ends.insert(edge.last) }
        let intervals = (UInt8.min...UInt8.max).filter(ends.contains)
        var targets = [[Term]](repeating: [], count: intervals.count)
        for list in lists {
            var interval = 0
            for edge in list {
                while interval < intervals.count, intervals[interval] <= edge.last {
                    if edge.target != Self.nothing { targets[interval].append(edge.target) }
                    interval += 1
                }
            }
        }
        // Work counts like room, so that what is ambiguous is given up in time.
        try reserve(targets.reduce(0) { $0 + $1.count } / 2)
        var edges: [Edge] = []
        for (last, terms) in zip(intervals, targets) {
            let target = try choice(terms)
            if edges.last?.target == target { edges.removeLast() }
            edges.append(Edge(last: last, target: target))
        }
        return edges
    }
}
