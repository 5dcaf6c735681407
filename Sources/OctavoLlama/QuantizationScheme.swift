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

    /// The most features of a group.
    private static let groupWidth = 64

    /// In how many groups of equal width the input of a down projection is quantized.
    func downGroups(features: Int) -> Int {
        // A narrow row has few elements to stand out among.
        guard self == .rotated, features >= 8 * Self.groupWidth else { return 1 }
        // Kernels take whole multiples of their depth; other widths stay whole.
        let widths = stride(from: Self.groupWidth, to: 0, by: -Kernels.paddedDepth(1))
        return widths.first { features % $0 == 0 }.map { features / $0 } ?? 1
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
