internal import Foundation

/// The change that Llama 3.1 makes to RoPE's frequencies, to reach beyond the context it was first trained on
/// (`rope_type` "llama3").
///
/// - SeeAlso: "The Llama 3 Herd of Models", 2024, arXiv:2407.21783; the formula is in Hugging Face transformers'
///   `modeling_rope_utils.py`.
public struct RopeScaling: Sendable, Hashable {
    /// By how much the slowest frequencies are divided.
    public var factor: Double
    /// Wavelengths above `originalContextLength / lowFrequencyFactor` are scaled in full.
    public var lowFrequencyFactor: Double
    /// Wavelengths below `originalContextLength / highFrequencyFactor` stay as they are.
    public var highFrequencyFactor: Double
    /// The context length of the first training, in tokens.
    public var originalContextLength: Int

    /// A scaling of the given parameters.
    public init(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int
    ) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalContextLength = originalContextLength
    }
}

extension RopeScaling {
    /// A frequency as the scaling leaves it: low ones are divided by the factor, the middle ones blended.
    package func scaled(_ frequency: Float) -> Float {
        let frequency = Double(frequency)
        let wavelength = 2 * Double.pi / frequency
        let context = Double(originalContextLength)
        if wavelength < context / highFrequencyFactor { return Float(frequency) }
        if wavelength > context / lowFrequencyFactor { return Float(frequency / factor) }
        let blend = (context / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
        return Float((1 - blend) * frequency / factor + blend * frequency)
    }

    /// The scaling of a published model that divides frequencies so: that of Llama 3.1 and 3.3, or that of 3.2.
    ///
    /// - Parameter divisors: one per pair of a head, as GGUF files store them.
    /// - Parameter theta: the base of the frequencies.
    package init?(divisors: [Float], theta: Double) {
        let known = [8.0, 32].map {
            RopeScaling(factor: $0, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        }
        let frequencies = divisors.indices.map { Float(pow(theta, -Double($0) / Double(divisors.count))) }
        let match = known.first { scaling in
            zip(frequencies, divisors).allSatisfy { frequency, divisor in
                // Their writers computed in single precision.
                abs(frequency / scaling.scaled(frequency) / divisor - 1) < 1e-4
            }
        }
        guard let match else { return nil }
        self = match
    }
}
