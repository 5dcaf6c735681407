/// Measures the bandwidth of reading memory, on all threads, from a buffer larger than any cache: at first by every
/// pattern, then by the best of them as often as asked.
final class ReadBandwidth {
    /// How a thread reads: streams side by side, and bytes that it fetches ahead.
    private struct Pattern {
        var streams: Int
        var ahead: Int
    }

    /// The most bytes per second that any pattern had.
    let best: Double

    private let threads: ComputeThreads
    private let kernels: Kernels
    private let buffer: AlignedBuffer<Float>
    /// The patterns that `measure` takes.
    private let fastest: [Pattern]

    /// Which pattern a machine likes best, no one can tell, and a kernel might use any.
    private static let patterns = [1, 2, 4, 8].flatMap { streams in
        [0, 512, 2048, 8192].map { Pattern(streams: streams, ahead: $0) }
    }
    /// Elements that a thread's part is a multiple of, for all patterns.
    private static let unit = 8 * 4 * Kernels.lanes

    /// Reads 256 MiB, which are held as long as this is, in every pattern six times.
    init(threads: ComputeThreads, kernels: Kernels) {
        self.threads = threads
        self.kernels = kernels
        buffer = AlignedBuffer(count: 64 << 20)
        threads.run { [buffer] index in
            for element in threads.share(buffer.count, index: index, unit: Self.unit) { buffer.base[element] = 1 }
        }
        var rates = [Double](repeating: 0, count: Self.patterns.count)
        for _ in 0..<6 {
            for (index, pattern) in Self.patterns.enumerated() {
                rates[index] = max(rates[index], Self.read(buffer, pattern, threads, kernels))
            }
        }
        let order = rates.indices.sorted { rates[$0] > rates[$1] }
        best = rates[order[0]]
        fastest = order.prefix(3).map { Self.patterns[$0] }
    }

    /// Bytes per second at this moment: the best of the three patterns that were fastest at first, each reading the
    /// buffer once.
    func measure() -> Double {
        fastest.reduce(0) { max($0, Self.read(buffer, $1, threads, kernels)) }
    }

    private static func read(
        _ buffer: AlignedBuffer<Float>, _ pattern: Pattern, _ threads: ComputeThreads, _ kernels: Kernels
    ) -> Double {
        let start = ContinuousClock.now
        threads.run { index in
            kernels.readAll(
                buffer, threads.share(buffer.count, index: index, unit: unit), streams: pattern.streams,
                ahead: pattern.ahead)
        }
        return Double(buffer.byteCount) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
