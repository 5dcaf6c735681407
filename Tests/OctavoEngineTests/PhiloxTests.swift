import OctavoEngine
import Testing

@Suite struct PhiloxTests {
    /// The vectors of Random123's `kat_vectors` for `philox4x32 10`.
    static let vectors: [(key: SIMD2<UInt32>, counter: SIMD4<UInt32>, expected: SIMD4<UInt32>)] = [
        ([0, 0], [0, 0, 0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        (
            SIMD2(repeating: UInt32.max), SIMD4(repeating: UInt32.max),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        ),
        (
            [0xa409_3822, 0x299f_31d0], [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        ),
    ]

    @Test(arguments: vectors)
    func `the generator gives the published vectors`(
        key: SIMD2<UInt32>, counter: SIMD4<UInt32>, expected: SIMD4<UInt32>
    ) {
        #expect(Philox.words(key: (key[0], key[1]), counter: counter) == expected)
    }

    @Test func `a uniform number depends on seed, sample and token, and on nothing else`() {
        let base = Philox.uniform(seed: 1, sampleIndex: 2, tokenIndex: 3)
        #expect(Philox.uniform(seed: 1, sampleIndex: 2, tokenIndex: 3) == base)
        #expect(Philox.uniform(seed: 2, sampleIndex: 2, tokenIndex: 3) != base)
        #expect(Philox.uniform(seed: 1 | 1 << 40, sampleIndex: 2, tokenIndex: 3) != base)
        #expect(Philox.uniform(seed: 1, sampleIndex: 3, tokenIndex: 3) != base)
        #expect(Philox.uniform(seed: 1, sampleIndex: 2, tokenIndex: 4) != base)
        #expect(Philox.uniform(seed: 1, sampleIndex: 2, tokenIndex: 3 | 1 << 40) != base)
    }

    @Test(arguments: [Int64.min, -1, 0, 42, .max])
    func `uniform numbers fill the unit interval evenly`(seed: Int64) {
        var bins = [Int](repeating: 0, count: 16)
        for index in 0..<16_000 {
            let value = Philox.uniform(seed: seed, sampleIndex: 0, tokenIndex: index)
            #expect(value >= 0 && value < 1)
            bins[Int(value * 16)] += 1
        }
        // Chi-square of 15 degrees of freedom exceeds 44.3 once in 10,000 times.
        let statistic = bins.reduce(0.0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
        #expect(statistic < 44.3)
    }
}
