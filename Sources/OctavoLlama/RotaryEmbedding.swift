package import OctavoWeights

/// The frequencies of rotary position embedding.
///
/// Pair i of a head turns by position * theta^(-2i/d) (Su et al., 2021, arXiv:2104.09864), scaled as `RopeScaling` says.
package enum RotaryEmbedding {
    /// The inverse frequencies of the pairs of a head, `[headDimension / 2]`.
    package static func inverseFrequencies(_ configuration: ModelConfiguration) -> [Float] {
        let half = configuration.headDimension / 2
        // theta^(2i/d) by repeated multiplication with the (d/2)-th root: arithmetic alone, the same on every system.
        let root = nthRoot(of: configuration.ropeTheta, degree: half)
        var power = 1.0
        var frequencies: [Float] = []
        for _ in 0..<half {
            frequencies.append(Float(1 / power))
            power *= root
        }
        if let scaling = configuration.ropeScaling { return frequencies.map(scaling.scaled) }
        if let divisors = configuration.ropeFrequencyDivisors { return zip(frequencies, divisors).map { $0 / $1 } }
        return frequencies
    }

    /// The positive root of x^degree = value for value >= 1, by Newton's method from above.
    private static func nthRoot(of value: Double, degree: Int) -> Double {
        var root = max(value, 1)
        for _ in 0..<10_000 {
            var power = 1.0
            for _ in 1..<max(degree, 1) { power *= root }
            let next = ((Double(degree) - 1) * root + value / power) / Double(degree)
            guard next < root else { break }
            root = next
        }
        return root
    }
}
