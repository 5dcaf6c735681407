import OctavoCore

/// The tokens of a vocabulary that are text, as a tree of their bytes: a node stands for the bytes on the way to it.
///
/// Nodes are numbered so that every one comes before those below it, and these before the next beside it. A walk is then a
/// loop over the numbers that skips what does not fit.
struct TokenTrie: Sendable {
    /// The last byte on the way to each node.
    private(set) var bytes: [UInt8] = []
    /// How many bytes are before it.
    private(set) var depths: [UInt16] = []
    /// The first node that is not below it.
    private(set) var ends: [Int32] = []
    /// The node above each node; -1 if there is none.
    private(set) var parents: [Int32] = []
    /// The first of each node's tokens among `tokens`; one more than there are nodes.
    private(set) var tokenPlaces: [Int32] = [0]
    /// The tokens, in the order of their nodes.
    private(set) var tokens: [TokenID] = []
    /// The nodes by their last byte.
    private var nodesByByte = [[Int32]](repeating: [], count: 256)
    /// The bytes of the longest token.
    private(set) var longest = 0
    /// Ids below which all tokens are.
    let vocabularySize: Int

    /// The tree of the tokens from 0 to `vocabularySize`, without special ones and those of no bytes.
    init(vocabularySize: Int, decoding: any TokenDecoding) {
        self.vocabularySize = vocabularySize
        var spellings: [(bytes: [UInt8], token: TokenID)] = []
        spellings.reserveCapacity(vocabularySize)
        for token in 0..<TokenID(vocabularySize) where !decoding.isSpecial(token) {
            let bytes = decoding.bytes(of: token)
            if !bytes.isEmpty, bytes.count <= Int(UInt16.max) { spellings.append((bytes, token)) }
        }
        spellings.sort { one, other in
            one.bytes == other.bytes ? one.token < other.token : one.bytes.lexicographicallyPrecedes(other.bytes)
        }
        var path: [Int32] = []
        var previous: [UInt8] = []
        for (spelling, token) in spellings {
            let common = zip(previous, spelling).prefix { $0 == $1 }.count
            close(&path, to: common)
            for depth in path.count..<spelling.count {
                parents.append(path.last ?? -1)
                path.append(Int32(bytes.count))
                nodesByByte[Int(spelling[depth])].append(Int32(bytes.count))
                bytes.append(spelling[depth])
                depths.append(UInt16(depth))
                ends.append(0)
                tokenPlaces.append(Int32(tokens.count))
            }
            tokens.append(token)
            tokenPlaces[tokenPlaces.count - 1] = Int32(tokens.count)
            longest = max(longest, spelling.count)
            previous = spelling
        }
        close(&path, to: 0)
    }

    private mutating func close(_ path: inout [Int32], to count: Int) {
        while path.count > count { ends[Int(path.removeLast())] = Int32(bytes.count) }
    }

    /// The number of nodes.
    var count: Int { bytes.count }

    /// The nodes whose last byte is this one, in order.
    func nodes(endingWith byte: UInt8) -> [Int32] { nodesByByte[Int(byte)] }
}
