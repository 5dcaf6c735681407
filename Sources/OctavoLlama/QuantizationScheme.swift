package import OctavoWeights

/// How the linear layers of a float model become INT8.
public enum QuantizationScheme: String, Sendable, CaseIterable {
    /// The residual stream and the values are turned first, so that nothing stands out; see `RotatedWeights`.
    case rotated
    /// The weights as they are, each output channel by its largest magnitude.
    case plain
    /// Not at all: the reference that others are measured against, several times slower.
    case float

    /// What becomes of it for these weights: those that are INT8 already cannot be turned.
    func applied(to weights: any ModelWeights) throws(WeightsError) -> QuantizationScheme {
        let keepsInt8 = try weights.holdsInt8()
        return self == .rotated && keepsInt8 ? .plain : self
    }

    /// The weights that are then read.
    package func prepare(_ weights: any ModelWeights, threads: ComputeThreads) -> any ModelWeights {
        guard self == .rotated else { return weights }
        return RotatedWeights(weights) { count, body in
            threads.run { index in
                for item in stride(from: index, to: count, by: threads.count) { body(item) }
            }
        }
    }
}

extension ModelWeights {
    /// Whether the linear layers are kept as INT8.
    package func holdsInt8() throws(WeightsError) -> Bool { try matrix(.down(0)).channelScales != nil }
}
