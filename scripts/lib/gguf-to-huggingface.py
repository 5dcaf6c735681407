"""Writes a Llama model in GGUF as a Hugging Face folder of f32, with its tokenizer: gguf-to-huggingface.py GGUF FOLDER"""

import json
import os
import sys

import numpy
from gguf import GGUFReader, dequantize
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NAMES = {
    "token_embd": "model.embed_tokens.weight",
    "output_norm": "model.norm.weight",
    "output": "lm_head.weight",
}


def halves(matrix, heads):
    """Undoes GGUF's order of a head's rows, in which RoPE turns neighbors."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensors(reader, heads, key_value_heads):
    result = {}
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        if parts[0] == "rope_freqs":
            continue
        values = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        if parts[0] != "blk":
            result[NAMES[parts[0]]] = values
            continue
        if parts[2] in ("attn_q", "attn_k"):
            values = halves(values, heads if parts[2] == "attn_q" else key_value_heads)
        result[f"model.layers.{parts[1]}.{BLOCK_NAMES[parts[2]]}.weight"] = values
    return {name: numpy.ascontiguousarray(values) for name, values in result.items()}


def write_tokenizer(field, folder):
    tokens = field("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = 3
    special = [token for token, kind in zip(tokens, field("tokenizer.ggml.token_type")) if kind == control]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    end = tokens[field("tokenizer.ggml.eos_token_id")]
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": end, "eos_token": end, "pad_token": end}
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump({**settings, "unk_token": end}, file)


def main(path, folder):
    reader = GGUFReader(path)

    def field(key):
        return reader.fields[key].contents()

    heads, key_value_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    os.makedirs(folder, exist_ok=True)
    weights = tensors(reader, heads, key_value_heads)
    end = int(field("tokenizer.ggml.eos_token_id"))
    configuration = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "vocab_size": len(field("tokenizer.ggml.tokens")),
        "max_position_embeddings": field("llama.context_length"),
        "rms_norm_eps": round(field("llama.attention.layer_norm_rms_epsilon"), 9),
        "rope_theta": field("llama.rope.freq_base"),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "hidden_act": "silu",
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float32",
    }
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(configuration, file, indent=1)
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    write_tokenizer(field, folder)


main(*sys.argv[1:])
