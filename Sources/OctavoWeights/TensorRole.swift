/// What a tensor does in a Llama model; the blocks are numbered from 0.
public enum TensorRole: Hashable, Sendable {
    /// `[vocabulary, hidden]`: the vectors that tokens begin as.
    case tokenEmbedding
    /// `[hidden]`: the norm before the head.
    case outputNorm
    /// `[vocabulary, hidden]`: hidden state to logits. A tied model stores none of its own.
    case outputHead
    /// `[hidden]`: the norm before attention.
    case attentionNorm(Int)
    /// `[hidden]`: the norm before the feed-forward layers.
    case feedForwardNorm(Int)
    /// `[heads · headDimension, hidden]`.
    case query(Int)
    /// `[keyValueHeads · headDimension, hidden]`.
    case key(Int)
    /// `[keyValueHeads · headDimension, hidden]`.
    case value(Int)
    /// `[hidden, heads · headDimension]`.
    case attentionOutput(Int)
    /// `[intermediate, hidden]`: the feed-forward branch that goes through SiLU.
    case gate(Int)
    /// `[intermediate, hidden]`: the feed-forward branch that is multiplied by the gate.
    case up(Int)
    /// `[hidden, intermediate]`.
    case down(Int)
}

extension TensorRole {
    /// The roles that a model of this configuration stores tensors for, in the order in which they are computed.
    package static func stored(in configuration: ModelConfiguration) -> [TensorRole] {
        let blocks = (0..<configuration.layerCount).flatMap(block)
        return [.tokenEmbedding] + blocks + [.outputNorm] + (configuration.tiesEmbeddings ? [] : [.outputHead])
    }

    /// The roles of a block, in the order in which they are computed.
    package static func block(_ layer: Int) -> [TensorRole] {
        [
            .attentionNorm(layer), .query(layer), .key(layer), .value(layer), .attentionOutput(layer),
            .feedForwardNorm(layer), .gate(layer), .up(layer), .down(layer),
        ]
    }

    /// The tensor's dimensions, outermost first.
    package func shape(in configuration: ModelConfiguration) -> [Int] {
        let hidden = configuration.hiddenSize
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        return switch self {
        case .tokenEmbedding, .outputHead: [configuration.vocabularySize, hidden]
        case .outputNorm, .attentionNorm, .feedForwardNorm: [hidden]
        case .query: [queries, hidden]
        case .key, .value: [keys, hidden]
        case .attentionOutput: [hidden, queries]
        case .gate, .up: [configuration.intermediateSize, hidden]
        case .down: [hidden, configuration.intermediateSize]
        }
    }

    /// The tensor's name in Hugging Face checkpoints.
    package var huggingFaceName: String {
        switch self {
        case .tokenEmbedding: "model.embed_tokens.weight"
        case .outputNorm: "model.norm.weight"
        case .outputHead: "lm_head.weight"
        case .attentionNorm(let layer): "model.layers.\(layer).input_layernorm.weight"
        case .feedForwardNorm(let layer): "model.layers.\(layer).post_attention_layernorm.weight"
        case .query(let layer): "model.layers.\(layer).self_attn.q_proj.weight"
        case .key(let layer): "model.layers.\(layer).self_attn.k_proj.weight"
        case .value(let layer): "model.layers.\(layer).self_attn.v_proj.weight"
        case .attentionOutput(let layer): "model.layers.\(layer).self_attn.o_proj.weight"
        case .gate(let layer): "model.layers.\(layer).mlp.gate_proj.weight"
        case .up(let layer): "model.layers.\(layer).mlp.up_proj.weight"
        case .down(let layer): "model.layers.\(layer).mlp.down_proj.weight"
        }
    }

    /// The tensor's name in GGUF files.
    var ggufName: String {
        switch self {
        case .tokenEmbedding: "token_embd.weight"
        case .outputNorm: "output_norm.weight"
        case .outputHead: "output.weight"
        case .attentionNorm(let layer): "blk.\(layer).attn_norm.weight"
        case .feedForwardNorm(let layer): "blk.\(layer).ffn_norm.weight"
        case .query(let layer): "blk.\(layer).attn_q.weight"
        case .key(let layer): "blk.\(layer).attn_k.weight"
        case .value(let layer): "blk.\(layer).attn_v.weight"
        case .attentionOutput(let layer): "blk.\(layer).attn_output.weight"
        case .gate(let layer): "blk.\(layer).ffn_gate.weight"
        case .up(let layer): "blk.\(layer).ffn_up.weight"
        case .down(let layer): "blk.\(layer).ffn_down.weight"
        }
    }

    /// The tensor's name in Meta's own files.
    var metaName: String {
        switch self {
        case .tokenEmbedding: "tok_embeddings.weight"
        case .outputNorm: "norm.weight"
        case .outputHead: "output.weight"
        case .attentionNorm(let layer): "layers.\(layer).attention_norm.weight"
        case .feedForwardNorm(let layer): "layers.\(layer).ffn_norm.weight"
        case .query(let layer): "layers.\(layer).attention.wq.weight"
        case .key(let layer): "layers.\(layer).attention.wk.weight"
        case .value(let layer): "layers.\(layer).attention.wv.weight"
        case .attentionOutput(let layer): "layers.\(layer).attention.wo.weight"
        case .gate(let layer): "layers.\(layer).feed_forward.w1.weight"
        case .up(let layer): "layers.\(layer).feed_forward.w3.weight"
        case .down(let layer): "layers.\(layer).feed_forward.w2.weight"
        }
    }
}
