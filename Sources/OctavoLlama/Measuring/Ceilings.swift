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

    /// Measures each several times, the peaks for about `duration`, and keeps the best: a ceiling is what nothing
    /// disturbed.
    public init(threads: ComputeThreads, kernels: Kernels, duration: Duration = .milliseconds(200)) {
        self.init(
            threads: threads, kernels: kernels, duration: duration,
            bandwidth: ReadBandwidth(threads: threads, kernels: kernels))
    }

    /// Measures the peaks likewise, and takes what is known of the bandwidth.
    package init(
        threads: ComputeThreads, kernels: Kernels, duration: Duration = .milliseconds(200), bandwidth: ReadBandwidth
    ) {
        int8PerSecond = Self.best(threads, duration) { kernels.int8Peak(rounds: $0) }
        floatPerSecond = Self.best(threads, duration) { kernels.floatPeak(rounds: $0) }
        bytesPerSecond = bandwidth.best
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

/// What a piece of work needs at least, however it is done.
package struct Cost: Sendable {
    /// INT8 multiply-accumulates.
    package var int8 = 0
    /// Float multiply-adds, or operations that take as long.
    package var floats = 0
    /// Bytes that come from memory or go there.
    package var bytes = 0
}

extension Ceilings {
    /// What can limit a piece of work.
    package enum Limit: String, CaseIterable, Sendable {
        case int8 = "INT8 peak"
        case floats = "f32 peak"
        case memory = "read bandwidth"

        /// How much of it a piece of work needs.
        package func amount(of cost: Cost) -> Int {
            switch self {
            case .int8: cost.int8
            case .floats: cost.floats
            case .memory: cost.bytes
            }
        }
    }

    /// The most of it in a second.
    package func perSecond(_ limit: Limit) -> Double {
        switch limit {
        case .int8: int8PerSecond
        case .floats: floatPerSecond
        case .memory: bytesPerSecond
        }
    }

    /// The seconds that work takes at least, for the sake of one limit; 0 where there is no such measure.
    package func leastSeconds(_ cost: Cost, _ limit: Limit) -> Double {
        perSecond(limit) > 0 ? Double(limit.amount(of: cost)) / perSecond(limit) : 0
    }

    /// What limits the work most.
    package func limit(of cost: Cost) -> Limit {
        Limit.allCases.max { leastSeconds(cost, $0) < leastSeconds(cost, $1) } ?? .memory
    }
}
