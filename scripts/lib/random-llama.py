"""Writes a Llama of random weights in the shape of a published one: random-llama.py SHAPE FOLDER

SHAPE is llama-3-8b, or llama-3-8b:4 for four of its blocks. FOLDER becomes a Hugging Face folder of bf16, with a tokenizer
whose tokens are numbers. If it has .gguf in its name, it becomes a file for llama.cpp with the same weights instead: in
bf16 if the name says so, else in Q8_0.
"""

import json
import os
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SHAPES = {
    "llama-3-8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "rope_theta": 500000.0,
    }
}
DEVIATION = 0.02
END = 128001


def configuration(name):
    """The sizes of a shape, with as many blocks as its name says."""
    shape, _, layers = name.partition(":")
    sizes = dict(SHAPES[shape])
    if layers:
        sizes["num_hidden_layers"] = int(layers)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **sizes,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "bos_token_id": END,
        "eos_token_id": END,
        "torch_dtype": "bfloat16",
    }


def tensors(sizes):
    """Names and shapes, in order; the random weights of both formats depend on it."""
    hidden, inner = sizes["hidden_size"], sizes["intermediate_size"]
    keys = hidden // sizes["num_attention_heads"] * sizes["num_key_value_heads"]
    yield "model.embed_tokens", "token_embd", (sizes["vocab_size"], hidden)
    for layer in range(sizes["num_hidden_layers"]):
        for name, short, shape in [
            ("input_layernorm", "attn_norm", (hidden,)),
            ("self_attn.q_proj", "attn_q", (hidden, hidden)),
            ("self_attn.k_proj", "attn_k", (keys, hidden)),
            ("self_attn.v_proj", "attn_v", (keys, hidden)),
            ("self_attn.o_proj", "attn_output", (hidden, hidden)),
            ("post_attention_layernorm", "ffn_norm", (hidden,)),
            ("mlp.gate_proj", "ffn_gate", (inner, hidden)),
            ("mlp.up_proj", "ffn_up", (inner, hidden)),
            ("mlp.down_proj", "ffn_down", (hidden, inner)),
        ]:
            yield f"model.layers.{layer}.{name}", f"blk.{layer}.{short}", shape
    yield "model.norm", "output_norm", (hidden,)
    yield "lm_head", "output", (sizes["vocab_size"], hidden)


def random_tensors(sizes):
    generator = torch.Generator().manual_seed(1)
    for name, short, shape in tensors(sizes):
        if len(shape) == 1:
            yield name, short, torch.ones(shape)
        else:
            yield name, short, torch.randn(shape, generator=generator) * DEVIATION


def write_tokenizer(sizes, folder):
    """Byte-level BPE without merges: nothing here reads or writes text, but loaders want one."""
    vocabulary = {f"<{index}>": index for index in range(sizes["vocab_size"])}
    for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet())):
        del vocabulary[f"<{index}>"]
        vocabulary[letter] = index
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    end = f"<{END}>"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": end, "eos_token": end, "pad_token": end}
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump({**settings, "unk_token": end}, file)


def write_folder(sizes, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(sizes, file, indent=1)
    weights = {f"{name}.weight": values.to(torch.bfloat16) for name, _, values in random_tensors(sizes)}
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    write_tokenizer(sizes, folder)


def write_gguf(sizes, path):
    from gguf import GGMLQuantizationType, GGUFWriter, quants

    writer = GGUFWriter(path, "llama")
    writer.add_block_count(sizes["num_hidden_layers"])
    writer.add_context_length(sizes["max_position_embeddings"])
    writer.add_embedding_length(sizes["hidden_size"])
    writer.add_feed_forward_length(sizes["intermediate_size"])
    writer.add_head_count(sizes["num_attention_heads"])
    writer.add_head_count_kv(sizes["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(sizes["rms_norm_eps"])
    writer.add_rope_freq_base(sizes["rope_theta"])
    writer.add_rope_dimension_count(sizes["hidden_size"] // sizes["num_attention_heads"])
    writer.add_vocab_size(sizes["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    # The order of a head's rows, in which the formats differ, means nothing in random weights.
    kind = GGMLQuantizationType.BF16 if "bf16" in path else GGMLQuantizationType.Q8_0
    for _, name, values in random_tensors(sizes):
        if values.ndim == 1:
            writer.add_tensor(f"{name}.weight", values.numpy())
        else:
            writer.add_tensor(f"{name}.weight", quants.quantize(values.numpy(), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(name, target):
    # What is written here first has another name, and so the end of it does not say what it is.
    (write_gguf if ".gguf" in target else write_folder)(configuration(name), target)


main(*sys.argv[1:])
