public import OctavoCore
import Synchronization

/// The structures of requests, for the vocabulary of one model. What is worked out for one request serves all that come
/// after it.
public final class StructureLibrary: Sendable {
    private let vocabularySize: Int
    private let decoding: any TokenDecoding
    private let current = Mutex<StructureShelf?>(nil)

    /// A library that has no structures yet.
    ///
    /// - Parameter vocabularySize: the width of a row of logits.
    public init(vocabularySize: Int, decoding: any TokenDecoding) {
        self.vocabularySize = vocabularySize
        self.decoding = decoding
    }

    /// A matcher at the beginning of a text.
    ///
    /// - Parameter isAlone: whether it shares nothing with others, so that none can take its room.
    /// - Throws: `StructureError` if the structure cannot be satisfied or is not supported.
    /// - Complexity: for the first structure some 100 ms, in which the tree of the vocabulary is made.
    public func matcher(
        for structure: OutputStructure, isAlone: Bool = false
    ) throws(StructureError) -> StructureMatcher {
        let shelf = isAlone ? StructureShelf(trie: shelf.trie) : shelf
        return StructureMatcher(shelf: shelf, term: try shelf.term(of: structure))
    }

    /// Where new structures begin. Matchers hold on to theirs, so that a full one is left to those that began there.
    private var shelf: StructureShelf {
        current.withLock { shelf in
            if let shelf, !shelf.isFull { return shelf }
            let trie = shelf?.trie ?? TokenTrie(vocabularySize: vocabularySize, decoding: decoding)
            let new = StructureShelf(trie: trie)
            shelf = new
            return new
        }
    }
}

/// Structures that share terms and masks.
final class StructureShelf: Sendable {
    private struct Contents: Sendable {
        var table: MaskTable
        var starts: [[UInt8]: Term] = [:]
    }

    let trie: TokenTrie
    private let contents: Mutex<Contents>

    init(trie: TokenTrie) {
        self.trie = trie
        contents = Mutex(Contents(table: MaskTable(terms: TermStore(), trie: trie)))
    }

    /// Whether new structures should begin elsewhere: some room is left to those that are here.
    var isFull: Bool {
        contents.withLock { $0.table.terms.size > TermStore.defaultLimit - 2 * TermStore.structureLimit }
    }

    /// Whether there is no more room.
    var isExhausted: Bool { contents.withLock { $0.table.terms.size > TermStore.defaultLimit } }

    func term(of structure: OutputStructure) throws(StructureError) -> Term {
        let key = structure.language.key
        return try contents.withLock { contents throws(StructureError) in
            if let known = contents.starts[key] { return known }
            contents.table.terms.limit = contents.table.terms.size + TermStore.structureLimit
            defer { contents.table.terms.limit = TermStore.defaultLimit }
            let term = try contents.table.terms.term(of: structure.language)
            contents.starts[key] = term
            return term
        }
    }

    /// What may follow a token's bytes; `nothing` if they do not fit.
    func step(_ term: Term, over bytes: [UInt8]) throws(StructureError) -> Term {
        try contents.withLock { contents throws(StructureError) in
            var term = term
            for byte in bytes where term != TermStore.nothing { term = try contents.table.terms.step(term, byte) }
            return term
        }
    }

    func mask(of term: Term) throws(StructureError) -> TokenMask {
        try contents.withLock { contents throws(StructureError) in try contents.table.mask(of: term) }
    }

    func isNullable(_ term: Term) -> Bool { contents.withLock { $0.table.terms.isNullable(term) } }
}

extension OutputStructure.Language {
    /// What tells it from others: their bytes, since strings that only look alike are equal.
    var key: [UInt8] {
        switch self {
        case .jsonObject: [0]
        case .jsonSchema(let schema): [1] + Array(schema.jsonText.utf8)
        case .regex(let pattern): [2] + Array(pattern.utf8)
        case .choice(let texts): [3] + Array(JSONValue.array(texts.map(JSONValue.string)).jsonText.utf8)
        }
    }
}
