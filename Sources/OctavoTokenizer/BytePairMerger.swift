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

    /// The symbol of each single byte; -1 for bytes that are dropped before merging.
    private let byteSymbols: FrozenArray<TokenID>
    /// The places of the merges of two bytes, by `left << 8 | right`: the first pairs of every piece are such.
    private let bytePairs: FrozenArray<UInt32>
    private let merges: MergeTable
    private let characters: WholeCharacters
    /// The token of each symbol.
    private let tokens: FrozenArray<TokenID>

    /// - Parameter byteSymbols: 256 symbols, -1 for a byte to drop.
    /// - Parameter merges: of symbols to symbols.
    /// - Parameter characters: those that may be taken for their symbols at once.
    /// - Parameter tokens: what every symbol stands for.
    init(byteSymbols: [TokenID], merges: MergeTable, characters: WholeCharacters, tokens: [TokenID]) {
        precondition(byteSymbols.count == 256, "a symbol or -1 for every byte")
        let cache = PairCache()
        var bytePairs = [UInt32](repeating: MergeTable.none, count: 1 << 16)
        for left in 0..<256 where byteSymbols[left] >= 0 {
            for right in 0..<256 where byteSymbols[right] >= 0 {
                bytePairs[left << 8 | right] = merges.place(byteSymbols[left], byteSymbols[right], cache)
            }
        }
        self.byteSymbols = FrozenArray(byteSymbols)
        self.bytePairs = FrozenArray(bytePairs)
        self.merges = merges
        self.characters = characters
        self.tokens = FrozenArray(tokens)
    }

    /// Appends the tokens of `piece` to `tokens`.
    ///
    /// - Parameter rest: merging ends as soon as so many tokens are left.
    func append(
        _ piece: UnsafeBufferPointer<UInt8>, _ cache: borrowing PairCache, to tokens: inout TokenBuffer,
        downTo rest: Int = 1
    ) {
        tokens.reserve(piece.count)
        let symbols = tokens.end
        let count =
            piece.count <= Self.longestScan
            ? mergeShort(piece, symbols, cache, downTo: rest) : mergeLong(piece, symbols, cache, downTo: rest)
        for index in 0..<count { tokens.append(self.tokens[Int(symbols[index])]) }
    }

    private func mergeShort(
        _ piece: UnsafeBufferPointer<UInt8>, _ symbols: UnsafeMutablePointer<TokenID>, _ cache: borrowing PairCache,
        downTo rest: Int
    ) -> Int {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.longestScan) { places in
            withUnsafeTemporaryAllocation(of: ScanLink.self, capacity: Self.longestScan) { links in
                let count = split(piece, into: symbols, places.baseAddress!, cache)
                return mergeByScan(symbols, places.baseAddress!, links.baseAddress!, count, cache, downTo: rest)
            }
        }
    }

    private func mergeLong(
        _ piece: UnsafeBufferPointer<UInt8>, _ symbols: UnsafeMutablePointer<TokenID>, _ cache: borrowing PairCache,
        downTo rest: Int
    ) -> Int {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: piece.count) { places in
            let count = split(piece, into: symbols, places.baseAddress!, cache)
            guard count <= Self.longestScan else {
                return mergeByHeap(symbols, places.baseAddress!, count, cache, downTo: rest)
            }
            return withUnsafeTemporaryAllocation(of: ScanLink.self, capacity: Self.longestScan) { links in
                mergeByScan(symbols, places.baseAddress!, links.baseAddress!, count, cache, downTo: rest)
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
        _ places: UnsafeMutablePointer<UInt32>, _ cache: borrowing PairCache
    ) -> Int {
        var count = 0
        var offset = 0
        // The byte that the last symbol is, or -1 if it is a character.
        var lastByte = -1
        while offset < piece.count {
            let byte = Int(piece[offset])
            if byte >= 0xC2, let character = characters.symbol(at: offset, of: piece, byteSymbols) {
                if count > 0 { places[count - 1] = merges.place(symbols[count - 1], character.symbol, cache) }
                symbols[count] = character.symbol
                lastByte = -1
                offset += character.length
            } else {
                offset += 1
                let symbol = byteSymbols[byte]
                if symbol < 0 { continue }
                if count > 0 {
                    places[count - 1] =
                        lastByte >= 0
                        ? bytePairs[lastByte << 8 | byte] : merges.place(symbols[count - 1], symbol, cache)
                }
                symbols[count] = symbol
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
        place << 6 | UInt32(truncatingIfNeeded: index)
    }

    /// Merges `symbols`, which stay where they are and are linked, and moves those left to the front.
    ///
    /// - Parameter candidates: `candidates[i]` is the place at which `symbols[i]` merges with the next one.
    /// - Returns: how many are left.
    private func mergeByScan(
        _ symbols: UnsafeMutablePointer<TokenID>, _ candidates: UnsafeMutablePointer<UInt32>,
        _ links: UnsafeMutablePointer<ScanLink>, _ count: Int, _ cache: borrowing PairCache, downTo rest: Int
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
            var lowest = UInt32.max
            for index in 0..<count - 1 { lowest = min(lowest, candidates[index]) }
            if lowest >> 6 == MergeTable.none { break }
            let index = Int(lowest & 63)
            let absorbed = Int(links[index].next)
            let next = Int(links[absorbed].next)
            let previous = Int(links[index].previous)
            let symbol = merges.result(at: lowest >> 6)
            symbols[index] = symbol
            links[index].next = UInt8(truncatingIfNeeded: next)
            left -= 1
            candidates[absorbed] = Self.candidate(MergeTable.none, at: absorbed)
            var place = MergeTable.none
            if next < count {
                links[next].previous = UInt8(truncatingIfNeeded: index)
                place = merges.place(symbol, symbols[next], cache)
            }
            candidates[index] = Self.candidate(place, at: index)
            if previous < count {
                candidates[previous] = Self.candidate(merges.place(symbols[previous], symbol, cache), at: previous)
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
        _ cache: borrowing PairCache, downTo rest: Int
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
            places[index] = next < count ? merges.place(symbols[index], symbols[next], cache) : MergeTable.none
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
