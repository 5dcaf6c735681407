/// What this machine can do at most, measured: the yardstick of every benchmark.
public struct Ceilings: Sendable {
    /// INT8 multiply-accumulates per second, on all threads, from registers.
    public var int8PerSecond: Double
    /// Float multiply-adds per second, on all threads, from registers.
    public var floatPerSecond: Double
    /// Bytes read from memory per second, on all threads, from a buffer larger than any cache.
    public var bytesPerSecond: Double
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
    package subscript(_ limit: Limit) -> Double {
        get {
            switch limit {
            case .int8: int8PerSecond
            case .floats: floatPerSecond
            case .memory: bytesPerSecond
            }
        }
        set {
            switch limit {
            case .int8: int8PerSecond = newValue
            case .floats: floatPerSecond = newValue
            case .memory: bytesPerSecond = newValue
            }
        }
    }

    /// The seconds that work takes at least, for the sake of one limit; 0 where there is no such measure.
    package func leastSeconds(_ cost: Cost, _ limit: Limit) -> Double {
        self[limit] > 0 ? Double(limit.amount(of: cost)) / self[limit] : 0
    }
}
