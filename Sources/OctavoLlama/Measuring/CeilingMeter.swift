import Synchronization

/// Measures what the machine can do at most: at first the best of several tries, then as often as asked.
///
/// A machine may be shared with others, which take a share of its cores and of its memory's bandwidth that changes within
/// minutes by more than kernels differ. So a figure is to be compared with a ceiling taken right beside it.
public final class CeilingMeter {
    /// What nothing disturbed, as far as several tries tell.
    public let best: Ceilings
    private let int8: ArithmeticPeak
    private let floats: ArithmeticPeak
    private let memory: ReadBandwidth

    /// Measures each several times; reading takes 256 MiB, which are held as long as this is.
    public init(threads: ComputeThreads, kernels: Kernels) {
        int8 = ArithmeticPeak(threads: threads) { kernels.int8Peak(rounds: $0) }
        floats = ArithmeticPeak(threads: threads) { kernels.floatPeak(rounds: $0) }
        memory = ReadBandwidth(threads: threads, kernels: kernels)
        best = Ceilings(int8PerSecond: int8.best, floatPerSecond: floats.best, bytesPerSecond: memory.best)
    }

    /// The most of it in a second, at this moment.
    package func measure(_ limit: Ceilings.Limit) -> Double {
        switch limit {
        case .int8: int8.measure()
        case .floats: floats.measure()
        case .memory: memory.measure()
        }
    }
}

/// Multiply-accumulates per second from registers, on all threads.
private struct ArithmeticPeak {
    /// The most of five tries; 0 where there is no such measure.
    let best: Double
    private let threads: ComputeThreads
    private let multiply: @Sendable (_ rounds: Int) -> Int
    /// As many as take 10 milliseconds or more.
    private let rounds: Int

    /// - Parameter multiply: does so many rounds of them, and returns how many these were.
    init(threads: ComputeThreads, multiply: @escaping @Sendable (_ rounds: Int) -> Int) {
        self.threads = threads
        self.multiply = multiply
        var rounds = 1 << 14
        while let time = Self.shortest(rounds, threads, multiply), time < .milliseconds(10) { rounds *= 2 }
        self.rounds = rounds
        best = (0..<5).map { _ in Self.run(4 * rounds, threads, multiply).rate }.max() ?? 0
    }

    func measure() -> Double { Self.run(rounds, threads, multiply).rate }

    /// The shortest time of three, since any one may be interrupted; `nil` where there is no such measure.
    private static func shortest(
        _ rounds: Int, _ threads: ComputeThreads, _ multiply: @Sendable (_ rounds: Int) -> Int
    ) -> Duration? {
        let tries = (0..<3).map { _ in run(rounds, threads, multiply) }
        return tries.filter { $0.rate > 0 }.map(\.time).min()
    }

    private static func run(
        _ rounds: Int, _ threads: ComputeThreads, _ multiply: @Sendable (_ rounds: Int) -> Int
    ) -> (rate: Double, time: Duration) {
        let done = Atomic(0)
        let start = ContinuousClock.now
        threads.run { _ in done.add(multiply(rounds), ordering: .relaxed) }
        let time = ContinuousClock.now - start
        return (Double(done.load(ordering: .relaxed)) / (time / .seconds(1)), time)
    }
}
