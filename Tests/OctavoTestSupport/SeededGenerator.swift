/// Random numbers that a test can have again: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable, CustomStringConvertible {
    private let seed: UInt64
    private var state: UInt64

    /// Numbers that follow from `seed`.
    public init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// A generator of a new seed, which a failing test prints through `description`.
    public static func random() -> SeededGenerator { SeededGenerator(seed: UInt64.random(in: 0 ... .max)) }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The seed, for messages.
    public var description: String { "seed \(seed)" }
}
