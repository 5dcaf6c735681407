import OctavoCore

/// Byte-pair encoding of one piece: its bytes as tokens, then the lowest-ranked pair merged, leftmost first, until no
/// two neighbors merge.
///
/// Short pieces scan for the lowest rank (everything is in one cache line or two); long ones keep a heap of candidates,
/// so that a piece of n bytes costs O(n log n) and hostile input is harmless.
///
/// - SeeAlso: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016, arXiv:1508.07909.
struct BytePairMerger: Sendable {
    /// The longest piece, in bytes, that is scanned: there the scan's quadratic cost about meets the heap's overhead.
    private static let longestScan = 64

    /// The token of each single byte; -1 where the vocabulary has none, and the byte is dropped before merging.
    private let byteTokens: [TokenID]
    private let merges: MergeTable

    /// - Parameter byteTokens: 256 tokens, -1 for a byte to drop.
    init(byteTokens: [TokenID], merges: MergeTable) {
        precondition(byteTokens.count == 256, "a token or -1 for every byte")
        self.byteTokens = byteTokens
        self.merges = merges
    }

    /// Appends the tokens of `piece` to `tokens`.
    func append(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID]) {
        if piece.count <= Self.longestScan {
            appendByScan(piece, to: &tokens)
        } else {
            appendByHeap(piece, to: &tokens)
        }
    }
}

// MARK: - Short pieces

extension BytePairMerger {
    private func appendByScan(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID]) {
        withUnsafeTemporaryAllocation(of: TokenID.self, capacity: Self.longestScan) { symbols in
            withUnsafeTemporaryAllocation(of: MergeStep.self, capacity: Self.longestScan) { steps in
                var count = 0
                for byte in piece where byteTokens[Int(byte)] >= 0 {
                    symbols[count] = byteTokens[Int(byte)]
                    count += 1
                }
                mergeByScan(symbols, steps, &count)
                tokens.append(contentsOf: symbols[..<count])
            }
        }
    }

    /// - Parameter steps: `steps[i]` will be how `symbols[i]` merges with its right neighbor.
    private func mergeByScan(
        _ symbols: UnsafeMutableBufferPointer<TokenID>, _ steps: UnsafeMutableBufferPointer<MergeStep>,
        _ count: inout Int
    ) {
        if count < 2 { return }
        for index in 0..<count - 1 { steps[index] = merges.step(symbols[index], symbols[index + 1]) }
        while count > 1 {
            var lowest = 0
            for index in 1..<count - 1 where steps[index] < steps[lowest] { lowest = index }
            let step = steps[lowest]
            if step == .none { return }
            symbols[lowest] = step.result
            count -= 1
            for index in lowest + 1..<count { symbols[index] = symbols[index + 1] }
            for index in lowest..<count - 1 { steps[index] = steps[index + 1] }
            if lowest > 0 { steps[lowest - 1] = merges.step(symbols[lowest - 1], symbols[lowest]) }
            if lowest < count - 1 { steps[lowest] = merges.step(symbols[lowest], symbols[lowest + 1]) }
        }
    }
}

// MARK: - Long pieces

extension BytePairMerger {
    /// A token of a long piece, linked to its neighbors.
    private struct Symbol {
        var token: TokenID
        var previous: Int
        var next: Int
        /// How it merges with the next one; candidates in the heap that disagree are out of date.
        var step = MergeStep.none
    }

    private func appendByHeap(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID]) {
        var symbols: [Symbol] = []
        symbols.reserveCapacity(piece.count)
        for byte in piece where byteTokens[Int(byte)] >= 0 {
            symbols.append(
                Symbol(token: byteTokens[Int(byte)], previous: symbols.count - 1, next: symbols.count + 1))
        }
        var candidates = MergeCandidates()
        for index in symbols.indices.dropLast() { renew(index, in: &symbols, &candidates) }
        while let candidate = candidates.popLowest() {
            let index = candidate.position
            let step = symbols[index].step
            if step == .none || step.rank != candidate.rank { continue }
            let absorbed = symbols[index].next
            symbols[index].token = step.result
            symbols[index].next = symbols[absorbed].next
            symbols[absorbed].step = .none
            if symbols[absorbed].next < symbols.count { symbols[symbols[absorbed].next].previous = index }
            renew(index, in: &symbols, &candidates)
            if symbols[index].previous >= 0 { renew(symbols[index].previous, in: &symbols, &candidates) }
        }
        var index = 0
        while index < symbols.count {
            tokens.append(symbols[index].token)
            index = symbols[index].next
        }
    }

    /// Looks up how the symbol at `index` merges with the next one, and makes it a candidate if it does.
    private func renew(_ index: Int, in symbols: inout [Symbol], _ candidates: inout MergeCandidates) {
        let next = symbols[index].next
        let step = next < symbols.count ? merges.step(symbols[index].token, symbols[next].token) : .none
        symbols[index].step = step
        if step != .none { candidates.insert(MergeCandidate(rank: step.rank, position: index)) }
    }
}
