import OctavoCore

/// Byte-pair encoding of one piece: its bytes as tokens, then the lowest-ranked pair merged, leftmost first, until no
/// two neighbors merge.
///
/// Characters that are certain to become tokens of their own are taken for them from the start. What is then short is
/// scanned for the lowest rank (everything is in a few cache lines); long pieces keep a heap of candidates, so that a
/// piece of n bytes costs O(n log n) and hostile input is harmless.
///
/// - SeeAlso: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016, arXiv:1508.07909.
struct BytePairMerger: Sendable {
    /// The longest piece, in symbols, that is scanned: there the scan's quadratic cost about meets the heap's overhead.
    private static let longestScan = 64

    /// The token of each single byte; -1 where the vocabulary has none, and the byte is dropped before merging.
    private let byteTokens: FrozenArray<TokenID>
    /// The places of the merges of two bytes, by `left << 8 | right`: the first pairs of every piece are such.
    private let bytePairs: FrozenArray<UInt32>
    private let merges: MergeTable
    private let characters: WholeCharacters

    /// - Parameter byteTokens: 256 tokens, -1 for a byte to drop.
    /// - Parameter characters: those that may be taken for their tokens at once.
    init(byteTokens: [TokenID], merges: MergeTable, characters: WholeCharacters) {
        precondition(byteTokens.count == 256, "a token or -1 for every byte")
        self.byteTokens = FrozenArray(byteTokens)
        self.merges = merges
        self.characters = characters
        bytePairs = FrozenArray(
            (0..<1 << 16).map { pair in
                let (left, right) = (byteTokens[pair >> 8], byteTokens[pair & 0xFF])
                return left < 0 || right < 0 ? MergeTable.none : merges.place(left, right)
            })
    }

    /// Appends the tokens of `piece` to `tokens`.
    ///
    /// - Parameter rest: merging ends as soon as so many tokens are left.
    func append(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout TokenBuffer, downTo rest: Int = 1) {
        tokens.reserve(piece.count)
        tokens.appendInPlace { symbols in
            guard piece.count <= Self.longestScan else { return mergeLong(piece, symbols, downTo: rest) }
            return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.longestScan) { places in
                withUnsafeTemporaryAllocation(of: ScanLink.self, capacity: Self.longestScan) { links in
                    let count = split(piece, into: symbols, places.baseAddress!)
                    return mergeByScan(symbols, places.baseAddress!, links.baseAddress!, count, downTo: rest)
                }
            }
        }
    }

    private func mergeLong(
        _ piece: UnsafeBufferPointer<UInt8>, _ symbols: UnsafeMutablePointer<TokenID>, downTo rest: Int
    ) -> Int {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: piece.count) { places in
            let count = split(piece, into: symbols, places.baseAddress!)
            guard count <= Self.longestScan else {
                return mergeByHeap(symbols, places.baseAddress!, count, downTo: rest)
            }
            return withUnsafeTemporaryAllocation(of: ScanLink.self, capacity: Self.longestScan) { links in
                mergeByScan(symbols, places.baseAddress!, links.baseAddress!, count, downTo: rest)
            }
        }
    }
}

// MARK: - The first symbols

extension BytePairMerger {
    /// Writes the symbols that merging starts from, and the place of each one's merge with the one to its right.
    ///
    /// - Returns: the number of symbols.
    @inline(__always)
    private func split(
        _ piece: UnsafeBufferPointer<UInt8>, into symbols: UnsafeMutablePointer<TokenID>,
        _ places: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var count = 0
        var offset = 0
        // The byte that the last symbol is, or -1 if it is a character.
        var lastByte = -1
        while offset < piece.count {
            let byte = Int(piece[offset])
            if byte >= 0xC2, let character = characters.token(at: offset, of: piece) {
                if count > 0 { places[count - 1] = merges.place(symbols[count - 1], character.token) }
                symbols[count] = character.token
                lastByte = -1
                offset += character.length
            } else {
                offset += 1
                let token = byteTokens[byte]
                if token < 0 { continue }
                if count > 0 {
                    places[count - 1] =
                        lastByte >= 0 ? bytePairs[lastByte << 8 | byte] : merges.place(symbols[count - 1], token)
                }
                symbols[count] = token
                lastByte = byte
            }
            count += 1
        }
        return count
    }
}

// MARK: - Short pieces

extension BytePairMerger {
    /// A symbol's neighbors: their indices, or the number of symbols where there is none.
    private struct ScanLink {
        var previous: UInt8
        var next: UInt8
    }

    /// A candidate as one number, of which the lowest comes first: its place, then its index.
    @inline(__always)
    private static func candidate(_ place: UInt32, at index: Int) -> UInt32 {
        place == MergeTable.none ? MergeTable.none : place << 6 | UInt32(truncatingIfNeeded: index)
    }

    /// Merges `symbols`, which stay where they are and are linked, and moves those left to the front.
    ///
    /// - Parameter candidates: `candidates[i]` is the place at which `symbols[i]` merges with the next one.
    /// - Returns: how many are left.
    private func mergeByScan(
        _ symbols: UnsafeMutablePointer<TokenID>, _ candidates: UnsafeMutablePointer<UInt32>,
        _ links: UnsafeMutablePointer<ScanLink>, _ count: Int, downTo rest: Int
    ) -> Int {
        if count < 2 { return count }
        for index in 0..<count - 1 { candidates[index] = Self.candidate(candidates[index], at: index) }
        for index in 0..<count {
            links[index] = ScanLink(
                previous: UInt8(truncatingIfNeeded: index == 0 ? count : index - 1),
                next: UInt8(truncatingIfNeeded: index + 1))
        }
        var left = count
        while left > rest {
            var lowest = MergeTable.none
            for index in 0..<count - 1 { lowest = min(lowest, candidates[index]) }
            if lowest == MergeTable.none { break }
            let index = Int(lowest & 63)
            let absorbed = Int(links[index].next)
            let next = Int(links[absorbed].next)
            let previous = Int(links[index].previous)
            symbols[index] = merges.result(at: lowest >> 6)
            links[index].next = UInt8(truncatingIfNeeded: next)
            left -= 1
            if absorbed < count - 1 { candidates[absorbed] = MergeTable.none }
            if next < count {
                links[next].previous = UInt8(truncatingIfNeeded: index)
                candidates[index] = Self.candidate(merges.place(symbols[index], symbols[next]), at: index)
            } else {
                candidates[index] = MergeTable.none
            }
            if previous < count {
                candidates[previous] = Self.candidate(merges.place(symbols[previous], symbols[index]), at: previous)
            }
        }
        var index = 0
        for position in 0..<left {
            symbols[position] = symbols[index]
            index = Int(links[index].next)
        }
        return left
    }
}

// MARK: - Long pieces

extension BytePairMerger {
    /// A symbol's neighbors in a long piece.
    private struct HeapLink {
        var previous: Int
        var next: Int
    }

    /// Merges `symbols`, which stay where they are and are linked, and moves those left to the front.
    ///
    /// - Parameter places: `places[i]` is the place at which `symbols[i]` merges with the next one; candidates in the heap
    ///   that disagree are out of date.
    /// - Returns: how many are left.
    private func mergeByHeap(
        _ symbols: UnsafeMutablePointer<TokenID>, _ places: UnsafeMutablePointer<UInt32>, _ count: Int,
        downTo rest: Int
    ) -> Int {
        var links = (0..<count).map { HeapLink(previous: $0 - 1, next: $0 + 1) }
        var candidates = MergeCandidates()
        places[count - 1] = MergeTable.none
        func insert(_ index: Int) {
            if places[index] != MergeTable.none {
                candidates.insert(MergeCandidate(rank: places[index], position: index))
            }
        }
        for index in 0..<count { insert(index) }
        func renew(_ index: Int) {
            let next = links[index].next
            places[index] = next < count ? merges.place(symbols[index], symbols[next]) : MergeTable.none
            insert(index)
        }
        var left = count
        while left > rest, let candidate = candidates.popLowest() {
            let index = candidate.position
            if places[index] != candidate.rank { continue }
            let absorbed = links[index].next
            symbols[index] = merges.result(at: candidate.rank)
            links[index].next = links[absorbed].next
            places[absorbed] = MergeTable.none
            left -= 1
            if links[absorbed].next < count { links[links[absorbed].next].previous = index }
            renew(index)
            if links[index].previous >= 0 { renew(links[index].previous) }
        }
        var index = 0
        for position in 0..<left {
            symbols[position] = symbols[index]
            index = links[index].next
        }
        return left
    }
}
