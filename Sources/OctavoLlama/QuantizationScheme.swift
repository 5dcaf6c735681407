package import OctavoWeights

/// How the linear layers of a float model become INT8.
public enum QuantizationScheme: String, Sendable, CaseIterable {
    /// The residual stream and the values are turned first, so that nothing stands out; see `RotatedWeights`. What enters
    /// the down projections is quantized in groups of features, since no rotation can be folded through the product
    /// that it is. A large head becomes INT8, too, and what enters it two planes of INT8, which lose nothing that counts.
    /// INT8 weights of a checkpoint are used as they are, with these groups and this head.
    case rotated
    /// The weights as they are, each output channel by its largest magnitude; activations whole.
    case plain
    /// Not at all: the reference that others are measured against, several times slower.
    case float

    /// Features of a group: what one step of the kernels takes.
    private static let groupWidth = Kernels.paddedDepth(1)

    /// In how many groups of equal width the input of a down projection is quantized.
    func downGroups(features: Int) -> Int {
        // A narrow row has few elements to stand out among; one that needs padding stays whole.
        guard self == .rotated, features >= 16 * Self.groupWidth, features % Self.groupWidth == 0 else { return 1 }
        return features / Self.groupWidth
    }

    /// Whether a head of so many weights is kept as INT8. A small one stays in the cache as it is.
    func quantizesHead(weights: Int) -> Bool { self == .rotated && weights >= 8 << 20 }

    /// How keys and values are stored unless somebody says how: `plain` and `float` are references, whose results
    /// nothing is to blur.
    public var cachePrecision: KVCachePrecision { self == .rotated ? .f16 : .f32 }

    /// The weights that are then read; those that are INT8 already cannot be turned.
    package func prepare(_ weights: any ModelWeights, threads: ComputeThreads) throws(WeightsError) -> any ModelWeights
    {
        guard self == .rotated, try !weights.holdsInt8() else { return weights }
        return RotatedWeights(weights, parallel: threads.parallel)
    }
}

extension ModelWeights {
    /// Whether the linear layers are kept as INT8.
    package func holdsInt8() throws(WeightsError) -> Bool { try matrix(.down(0)).channelScales != nil }
}
