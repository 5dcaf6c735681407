internal import OctavoCore

/// Counts the tokens of prompts that need not be computed, since another prompt of the batch begins alike: whole blocks of
/// the cache, each of which is computed once.
///
/// This is what a worker does that answers all of the batch and whose cache keeps every beginning that returns. A block is
/// known by a hash of its tokens and all before them, as the cache knows it.
struct SharedBeginnings {
    /// Blocks remembered: what is new after so many counts as not shared.
    private static let maximumBlocks = 1 << 20

    private var known: Set<UInt64> = []
    /// Positions in a block.
    let blockLength: Int
    /// Tokens that are shared.
    private(set) var tokens = 0

    init(blockLength: Int) { self.blockLength = blockLength }

    /// Takes in the next prompt's blocks.
    mutating func add(_ blocks: [UInt64]) {
        tokens += blocks.prefix(while: known.contains).count * blockLength
        for block in blocks where known.count < Self.maximumBlocks { known.insert(block) }
    }

    /// The hashes of the whole blocks of a prompt that may be shared: all but its last token, whose logits are needed, and
    /// nothing of a prompt that is scored, as in `BatchRow.prefix`.
    static func blocks(of prompt: [TokenID], length: Int, isScored: Bool) -> [UInt64] {
        guard !isScored, length > 0 else { return [] }
        var hash: UInt64 = 0
        return (0..<max(0, prompt.count - 1) / length).map { block in
            for token in prompt[block * length..<(block + 1) * length] { hash = mix(hash ^ UInt64(token)) }
            return hash
        }
    }

    /// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), after a step of its sequence.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
