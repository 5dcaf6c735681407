public import OctavoCore
public import OctavoEngine

/// Numbers from 0 to 4 that depend on every token and on their order: FNV-1a, then SplitMix64 for the row.
public func hashedLogits(after tokens: [TokenID], count: Int) -> [Float] {
    var state = tokens.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return (0..<count).map { _ in
        state &+= 0x9E37_79B9_7F4A_7C15
        let z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return Float((z ^ (z >> 27)) >> 40) * 0x1p-22
    }
}

/// Lends whole rows of logits, as a runner does: at most `blockRows` at a time.
public func lendLogits(
    _ values: [Float], vocabularySize: Int, blockRows: Int, to body: (borrowing Logits) throws -> Void
) rethrows {
    let count = values.count / vocabularySize
    for start in stride(from: 0, to: count, by: blockRows) {
        let rows = min(blockRows, count - start)
        let block = Array(values[start * vocabularySize..<(start + rows) * vocabularySize])
        try block.withUnsafeBufferPointer { block in
            try SamplingMath.largest(block, rows: rows).withUnsafeBufferPointer { largest in
                try body(
                    Logits(
                        lending: block, count: rows, vocabularySize: vocabularySize, stride: vocabularySize,
                        largest: largest))
            }
        }
    }
}
