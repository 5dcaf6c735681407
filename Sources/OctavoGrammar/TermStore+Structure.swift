import OctavoCore

extension TermStore {
    /// The texts of a structure.
    mutating func term(of language: OutputStructure.Language) throws(StructureError) -> Term {
        switch language {
        case .jsonObject: return try object(of: anyValue())
        case .jsonSchema(let schema):
            var compiler = SchemaCompiler(schema, terms: self)
            // The store is handed over and back, never copied.
            self = TermStore(limit: 0)
            defer { self = compiler.terms }
            return try compiler.compile()
        case .regex(let pattern):
            let term = try term(of: RegexParser.parse(pattern), in: .plain)
            guard term != Self.nothing, term != Self.empty else {
                throw StructureError("the regular expression matches no text: correct it")
            }
            return term
        case .choice(let texts):
            guard !texts.isEmpty, !texts.contains("") else {
                throw StructureError("must be an array of texts that are not empty")
            }
            var parts: [Term] = []
            for text in texts { parts.append(try literal(text.utf8)) }
            return try choice(parts)
        }
    }
}
