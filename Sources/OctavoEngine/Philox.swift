/// The counter-based random number generator Philox 4x32-10.
///
/// A number is a pure function of key and counter, so a completion can be resumed anywhere knowing only how many tokens
/// it has. - SeeAlso: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
package enum Philox {
    /// The four 32-bit words of one counter under a key.
    package static func words(key: (UInt32, UInt32), counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var key = key
        var state = counter
        for round in 0..<10 {
            if round > 0 {
                key.0 &+= 0x9E37_79B9
                key.1 &+= 0xBB67_AE85
            }
            let first = UInt64(0xD251_1F53) * UInt64(state[0])
            let second = UInt64(0xCD9E_8D57) * UInt64(state[2])
            state = SIMD4(
                UInt32(truncatingIfNeeded: second >> 32) ^ state[1] ^ key.0, UInt32(truncatingIfNeeded: second),
                UInt32(truncatingIfNeeded: first >> 32) ^ state[3] ^ key.1, UInt32(truncatingIfNeeded: first))
        }
        return state
    }

    /// A uniform number in [0, 1) of 53 bits for token `tokenIndex` of sample `sampleIndex` under a seed.
    package static func uniform(seed: Int64, sampleIndex: Int, tokenIndex: Int) -> Double {
        let seed = UInt64(bitPattern: seed)
        let token = UInt64(truncatingIfNeeded: tokenIndex)
        let counter = SIMD4(
            UInt32(truncatingIfNeeded: token), UInt32(truncatingIfNeeded: token >> 32),
            UInt32(truncatingIfNeeded: sampleIndex), 0)
        let words = words(
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)), counter: counter)
        return Double((UInt64(words[0]) << 32 | UInt64(words[1])) >> 11) * 0x1p-53
    }
}
