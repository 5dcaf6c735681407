extension TermStore {
    private static let maximumNameLength = 1000

    /// The JSON strings without escapes that are none of these names.
    mutating func names(except names: [[UInt8]], at path: String) throws(StructureError) -> Term {
        guard names.allSatisfy({ $0.count <= Self.maximumNameLength }) else {
            throw StructureError(
                "a property's name of more than \(Self.maximumNameLength) bytes is not supported beside additionalProperties",
                at: path)
        }
        let character = try jsonCharacter(in: ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF]))
        let any = try repetition(character, 0, TermNode.unlimited)
        return try quoted(except(names.map { $0[...] }, from: any))
    }

    /// The texts of a term that are none of these: as long as a text goes on like one of them, what follows is looked at
    /// the same way.
    private mutating func except(_ texts: [ArraySlice<UInt8>], from term: Term) throws(StructureError) -> Term {
        guard !texts.isEmpty else { return term }
        var parts: [Term] = []
        if isNullable(term), !texts.contains(where: \.isEmpty) { parts.append(Self.empty) }
        let beginnings = Dictionary(grouping: texts.filter { !$0.isEmpty }) { $0[$0.startIndex] }
        for (byte, texts) in beginnings.sorted(by: { $0.key < $1.key }) {
            let rest = try except(texts.map { $0.dropFirst() }, from: step(term, byte))
            parts.append(try sequence(bytes(ByteSet([byte])), rest))
        }
        var first = 0
        for edge in try edges(of: term) {
            var set = ByteSet(UInt8(first)...edge.last)
            for byte in beginnings.keys { set.remove(byte) }
            parts.append(try sequence(bytes(set), edge.target))
            first = Int(edge.last) + 1
        }
        return try choice(parts)
    }
}
