import Synchronization

/// Measures what the machine can do at most: at first the best of several tries, then as often as asked.
///
/// A machine may be shared with others, which take a share of its cores and of its memory's bandwidth that changes within
/// minutes by more than kernels differ. So a figure is to be compared with a ceiling taken right beside it.
package final class CeilingMeter {
    /// What nothing disturbed, as far as several tries tell.
    package let first: Ceilings
    private let int8: ArithmeticPeak
    private let floats: ArithmeticPeak
    private let memory: ReadBandwidth

    package init(threads: ComputeThreads, kernels: Kernels) {
        int8 = ArithmeticPeak(threads: threads) { kernels.int8Peak(rounds: $0) }
        floats = ArithmeticPeak(threads: threads) { kernels.floatPeak(rounds: $0) }
        memory = ReadBandwidth(threads: threads, kernels: kernels)
        first = Ceilings(int8PerSecond: int8.best, floatPerSecond: floats.best, bytesPerSecond: memory.best)
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
        while true {
            let (rate, time) = Self.run(rounds, threads, multiply)
            guard rate > 0, time < .milliseconds(10) else { break }
            rounds *= 2
        }
        self.rounds = rounds
        best = (0..<5).map { _ in Self.run(4 * rounds, threads, multiply).rate }.max() ?? 0
    }

    func measure() -> Double { Self.run(rounds, threads, multiply).rate }

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
