package import OctavoCore

/// Assembles the text of a completion from its tokens and notices where it ends.
///
/// Stop strings are matched in bytes, so they may span tokens and begin or end within one.
package struct StopCondition: Sendable {
    /// The text so far, special tokens left out unless they are asked for.
    private(set) var text: [UInt8] = []
    /// How much of the text precedes each token.
    private var starts: [Int] = []
    private let parameters: SamplingParameters
    private let stops: [[UInt8]]
    private let endTokens: Set<TokenID>

    /// - Parameter endTokens: the model's end-of-turn tokens.
    package init(parameters: SamplingParameters, endTokens: Set<TokenID>) {
        self.parameters = parameters
        stops = parameters.stop.map { Array($0.utf8) }
        self.endTokens = Self.endTokens(of: parameters, model: endTokens)
    }

    /// The tokens that end a completion: the model's, unless they are ignored, and the request's own.
    static func endTokens(of parameters: SamplingParameters, model: Set<TokenID>) -> Set<TokenID> {
        (parameters.ignoresEndTokens ? [] : model).union(parameters.stopTokenIDs)
    }

    /// Makes room for so many tokens.
    mutating func reserve(tokens count: Int) {
        starts.reserveCapacity(count)
        text.reserveCapacity(4 * count)
    }

    /// Takes the next token and tells whether the completion ends with it.
    package mutating func append(_ token: TokenID, decoding: any TokenDecoding) -> FinishReason? {
        let start = text.count
        starts.append(start)
        let isEnd = endTokens.contains(token)
        let isText = !parameters.skipsSpecialTokens || !decoding.isSpecial(token)
        if isText, !isEnd || parameters.includesStop { text.append(contentsOf: decoding.bytes(of: token)) }
        if isEnd { return .stop }
        if starts.count >= parameters.minTokens, let cut = cutAtStop(searchingFrom: start) {
            text.removeLast(text.count - cut)
            return .stop
        }
        return starts.count >= (parameters.maxTokens ?? .max) ? .length : nil
    }

    /// Where to cut the text because a stop string ends in the bytes from `start` on; the earliest one counts.
    private func cutAtStop(searchingFrom start: Int) -> Int? {
        var earliest: (start: Int, end: Int)?
        for stop in stops {
            var place = max(0, start - stop.count + 1)
            while place + stop.count <= text.count, place < earliest?.start ?? .max {
                if text[place..<place + stop.count].elementsEqual(stop) {
                    earliest = (place, place + stop.count)
                    break
                }
                place += 1
            }
        }
        return earliest.map { parameters.includesStop ? $0.end : $0.start }
    }

    /// The text, invalid UTF-8 repaired.
    package var string: String { String(decoding: text, as: UTF8.self) }

    /// How many of the tokens begin within the text: those whose log-probabilities belong to it.
    package var tokensInText: Int {
        let end = text.count
        var count = starts.count
        while count > 0, starts[count - 1] >= end { count -= 1 }
        return count
    }
}
