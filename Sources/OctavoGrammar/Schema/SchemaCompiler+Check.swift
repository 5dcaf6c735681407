/// What can be wrong with rules that name one another.
extension SchemaCompiler {
    /// Checks that every rule has a text that ends, and that none begins with itself.
    func checkRules(from first: Int32) throws(StructureError) {
        try checkTexts(from: first)
        try checkBeginnings(from: first)
    }

    /// A rule has texts if it has one without rules that have none; each round finds more, until one finds no more.
    private func checkTexts(from first: Int32) throws(StructureError) {
        var hasTexts = [Bool](repeating: false, count: terms.rules.count)
        for rule in 0..<Int(first) { hasTexts[rule] = true }
        var order = Array(Int(first)..<terms.rules.count)
        while true {
            // Rules are found from those that need them, so that the last are mostly the simplest.
            let open = order.reversed().filter { rule in
                hasTexts[rule] = isProductive(terms.rules[rule], hasTexts)
                return !hasTexts[rule]
            }
            if open.isEmpty { return }
            guard open.count < order.count else {
                throw StructureError("a schema contains itself without end: let what contains it be left out or null")
            }
            order = open
        }
    }

    /// Whether a term has a text, given which rules have.
    private func isProductive(_ term: Term, _ hasTexts: [Bool]) -> Bool {
        var known: [Term: Bool] = [:]
        var pending = [term]
        while let next = pending.last {
            let parts = parts(of: next)
            let missing = parts.filter { known[$0] == nil }
            guard missing.isEmpty else {
                pending += missing
                continue
            }
            known[next] =
                switch terms[next] {
                case .nothing: false
                case .empty, .bytes, .literal: true
                case .sequence: parts.allSatisfy { known[$0] == true }
                case .choice: parts.contains { known[$0] == true }
                case .repetition(let part, let minimum, _): minimum == 0 || known[part] == true
                case .rule(let rule): hasTexts[Int(rule)]
                }
            pending.removeLast()
        }
        return known[term] == true
    }

    private func parts(of term: Term) -> [Term] {
        switch terms[term] {
        case .nothing, .empty, .bytes, .literal, .rule: []
        case .sequence(let first, let second): [first, second]
        case .choice(let members): members
        case .repetition(let part, _, _): [part]
        }
    }

    /// A rule that begins with itself would be looked into for ever.
    private func checkBeginnings(from first: Int32) throws(StructureError) {
        // Of each rule: not seen, on the way, or done.
        var states = [Int](repeating: 0, count: terms.rules.count)
        for start in Int(first)..<terms.rules.count where states[start] == 0 {
            var path = [start]
            while let rule = path.last {
                if states[rule] == 0 { states[rule] = 1 }
                let next = rulesAtBeginning(of: terms.rules[rule]).first { states[$0] != 2 }
                guard let next else {
                    states[rule] = 2
                    path.removeLast()
                    continue
                }
                guard states[next] == 0 else {
                    throw StructureError("a schema is itself, or a choice of itself and others: remove the circle")
                }
                path.append(next)
            }
        }
    }

    private func rulesAtBeginning(of term: Term) -> [Int] {
        var seen: Set<Term> = []
        var pending = [term]
        var rules: [Int] = []
        while let next = pending.popLast() {
            guard seen.insert(next).inserted else { continue }
            switch terms[next] {
            case .nothing, .empty, .bytes, .literal: break
            case .sequence(let first, let second):
                pending.append(first)
                if terms.isNullable(first) { pending.append(second) }
            case .choice(let members): pending += members
            case .repetition(let part, _, _): pending.append(part)
            case .rule(let rule): rules.append(Int(rule))
            }
        }
        return rules
    }
}
