/// The bytes of every token, one after another in one array.
struct TokenBytes: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = [0]

    /// The bytes of `tokens`, whose ids are their places.
    init(_ tokens: [TokenizerDefinition.Token]) {
        bytes.reserveCapacity(tokens.reduce(0) { $0 + $1.bytes.count })
        ends.reserveCapacity(tokens.count + 1)
        for token in tokens {
            bytes.append(contentsOf: token.bytes)
            ends.append(bytes.count)
        }
    }

    /// The number of tokens.
    var count: Int { ends.count - 1 }

    /// The bytes of a token, whose id must be valid.
    subscript(id: Int) -> ArraySlice<UInt8> { bytes[ends[id]..<ends[id + 1]] }
}
