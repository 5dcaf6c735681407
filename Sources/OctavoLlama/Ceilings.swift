internal import COctavoKernels
import Synchronization

/// What this machine can do at most, measured: the yardstick of every benchmark.
public struct Ceilings: Sendable {
    /// INT8 multiply-accumulates per second, on all threads, from registers.
    public var int8PerSecond: Double
    /// Float multiply-adds per second, on all threads, from registers.
    public var floatPerSecond: Double
    /// Bytes read from memory per second, on all threads, from a buffer larger than any cache.
    public var bytesPerSecond: Double

    /// Measures each for about `duration`, several times, and keeps the best: a ceiling is what nothing disturbed.
    public init(threads: ComputeThreads, kernels: Kernels, duration: Duration = .milliseconds(200)) {
        int8PerSecond = Self.best(threads, duration) { kernels.int8Peak(rounds: $0) }
        floatPerSecond = Self.best(threads, duration) { kernels.floatPeak(rounds: $0) }
        let buffer = AlignedBuffer<Float>(count: 64 << 20)
        threads.run { index in
            for element in threads.share(buffer.count, index: index) { buffer.base[element] = 1 }
        }
        var bytes = 0.0
        for _ in 0..<5 {
            let start = ContinuousClock.now
            threads.run { index in
                kernels.readAll(buffer, threads.share(buffer.count, index: index, unit: 4 * Kernels.lanes))
            }
            bytes = max(bytes, Double(buffer.count * 4) / ((ContinuousClock.now - start) / .seconds(1)))
        }
        bytesPerSecond = bytes
    }

    private static func best(
        _ threads: ComputeThreads, _ duration: Duration, _ measure: @Sendable (_ rounds: Int) -> Int
    ) -> Double {
        var rounds = 1 << 16
        var best = 0.0
        var runs = 0
        while runs < 5 {
            let done = Atomic(0)
            let start = ContinuousClock.now
            threads.run { [rounds] _ in done.add(measure(rounds), ordering: .relaxed) }
            let time = ContinuousClock.now - start
            guard done.load(ordering: .relaxed) > 0 else { return 0 }
            if time < duration / 5 {
                rounds *= 4
            } else {
                best = max(best, Double(done.load(ordering: .relaxed)) / (time / .seconds(1)))
                runs += 1
            }
        }
        return best
    }
}
