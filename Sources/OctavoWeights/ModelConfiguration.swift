/// The sizes and constants of a Llama model.
///
/// One read from a checkpoint is valid: sizes are positive, heads are a multiple of key-value heads, the head dimension
/// is even.
public struct ModelConfiguration: Sendable, Hashable {
    /// The width of the residual stream (`hidden_size`).
    public var hiddenSize: Int
    /// The width between a block's feed-forward layers (`intermediate_size`).
    public var intermediateSize: Int
    /// The number of blocks (`num_hidden_layers`).
    public var layerCount: Int
    /// The number of query heads (`num_attention_heads`).
    public var headCount: Int
    /// The number of key and value heads, each shared by `headCount / keyValueHeadCount` query heads.
    public var keyValueHeadCount: Int
    /// The width of a head (`head_dim`); `headCount * headDimension` need not be `hiddenSize`.
    public var headDimension: Int
    /// The number of tokens (`vocab_size`).
    public var vocabularySize: Int
    /// The longest context that the model was trained for, in tokens (`max_position_embeddings`).
    public var contextLength: Int
    /// What RMSNorm adds to the mean square (`rms_norm_eps`).
    public var rmsNormEpsilon: Float
    /// The base of RoPE's frequencies: pair `i` turns by `ropeTheta^(-2i / headDimension)` per position.
    public var ropeTheta: Double
    /// The scaling of these frequencies, if a Hugging Face configuration asks for one.
    public var ropeScaling: RopeScaling?
    /// What to divide each frequency by, `headDimension / 2` of them: GGUF's way to store the same scaling.
    public var ropeFrequencyDivisors: [Float]?
    /// Whether the head is the token embedding.
    public var tiesEmbeddings: Bool

    /// The largest size accepted: products of three fit 64 bits.
    static let maximumSize = 1 << 20
    /// The largest number of inputs of a linear layer: sums of so many INT8 products are exact in 32 bits, with weights
    /// of -128 too.
    static let maximumLayerInputs = 1 << 16
    /// The largest number of blocks accepted.
    static let maximumLayerCount = 1 << 12
    /// The longest context accepted, in tokens.
    static let maximumContextLength = 1 << 31
}

extension ModelConfiguration {
    /// What no model can have among sizes that are each in range: the reason, or `nil`.
    var contradiction: String? {
        guard headCount % keyValueHeadCount == 0 else {
            return "\(headCount) attention heads are no multiple of \(keyValueHeadCount) key-value heads"
        }
        guard headDimension % 2 == 0 else { return "the head dimension, \(headDimension), is odd" }
        let inputs = max(hiddenSize, intermediateSize, headCount * headDimension)
        guard inputs <= Self.maximumLayerInputs else {
            return "linear layers of \(inputs) inputs: up to \(Self.maximumLayerInputs) are supported"
        }
        guard rmsNormEpsilon.isFinite, rmsNormEpsilon >= 0 else { return "an RMSNorm epsilon of \(rmsNormEpsilon)" }
        guard ropeTheta.isFinite, ropeTheta > 0 else { return "a RoPE base of \(ropeTheta)" }
        return ropeContradiction
    }

    private var ropeContradiction: String? {
        if let scaling = ropeScaling {
            guard scaling.factor.isFinite, scaling.factor > 0, scaling.originalContextLength > 0,
                scaling.lowFrequencyFactor > 0, scaling.highFrequencyFactor > scaling.lowFrequencyFactor
            else { return "RoPE scaling by impossible numbers" }
        }
        if let divisors = ropeFrequencyDivisors {
            guard divisors.count == headDimension / 2 else {
                return "\(divisors.count) RoPE frequency divisors for a head dimension of \(headDimension)"
            }
            guard divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
                return "a RoPE frequency divisor is not positive"
            }
        }
        return nil
    }
}
