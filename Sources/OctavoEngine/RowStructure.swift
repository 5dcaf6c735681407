import OctavoCore
package import OctavoGrammar

/// The tokens that a structure allows next.
package struct AllowedTokens: Sendable {
    /// Those of text.
    package var mask: TokenMask
    /// Whether the text may end here: whether the tokens that end a completion are allowed, which are no text.
    package var mayEnd: Bool

    /// All tokens that are allowed. Those that end a completion are no text, even if they have some.
    func tokens(endingWith endTokens: Set<TokenID>) -> TokenMask {
        var tokens = mask
        for token in endTokens { mayEnd ? tokens.insert(token) : tokens.remove(token) }
        return tokens
    }

    /// Forbids all tokens of text but some.
    mutating func keep(_ tokens: [TokenID]) { mask.formIntersection(tokens) }

    /// Whether no token is allowed.
    var isEmpty: Bool { !mayEnd && mask.count == 0 }

    /// Tokens of a mask, and those that end a completion if it may.
    package init(mask: TokenMask, mayEnd: Bool) {
        self.mask = mask
        self.mayEnd = mayEnd
    }
}

/// What a row's text is held to, and how far it has come.
struct RowStructure: Sendable {
    private let structure: OutputStructure
    private let library: StructureLibrary
    private var matcher: StructureMatcher

    init(_ structure: OutputStructure, in library: StructureLibrary) throws(EngineError) {
        self.structure = structure
        self.library = library
        do {
            matcher = try library.matcher(for: structure)
        } catch {
            throw .structure("\(error)")
        }
    }

    /// Whether nothing may follow the text so far.
    var isFinished: Bool { matcher.isFinished }

    /// The tokens that may follow the text, and then the tokens of a guess; `nil` if the guess does not fit.
    func allowed(
        after guess: ArraySlice<TokenID>, decoding: any TokenDecoding, generated: [TokenID]
    ) throws(EngineError) -> AllowedTokens? {
        do {
            return try Self.allowed(matcher, after: guess, decoding: decoding)
        } catch {
            // Others may have taken the room.
            let alone = try alone(after: generated, decoding: decoding)
            do {
                return try Self.allowed(alone, after: guess, decoding: decoding)
            } catch {
                throw .structure("\(error)")
            }
        }
    }

    private static func allowed(
        _ matcher: StructureMatcher, after guess: ArraySlice<TokenID>, decoding: any TokenDecoding
    ) throws(StructureError) -> AllowedTokens? {
        var matcher = matcher
        for token in guess {
            guard try matcher.advance(over: decoding.bytes(of: token)) else { return nil }
        }
        return AllowedTokens(mask: try matcher.mask(), mayEnd: matcher.isComplete)
    }

    /// Takes the next token; returns whether it fits.
    ///
    /// - Parameter generated: the tokens before it.
    mutating func advance(
        over token: TokenID, decoding: any TokenDecoding, generated: [TokenID]
    ) throws(EngineError) -> Bool {
        if matcher.isExhausted { matcher = try alone(after: generated, decoding: decoding) }
        do {
            return try matcher.advance(over: decoding.bytes(of: token))
        } catch {
            throw .structure("\(error)")
        }
    }

    /// A matcher with room of its own, so that a row never fails because of what another one asked for.
    private func alone(after generated: [TokenID], decoding: any TokenDecoding) throws(EngineError) -> StructureMatcher
    {
        do {
            var matcher = try library.matcher(for: structure, isAlone: true)
            for token in generated { _ = try matcher.advance(over: decoding.bytes(of: token)) }
            return matcher
        } catch {
            throw .structure("\(error)")
        }
    }
}
