"""Makes the fixtures beside this file. Needs `pip install gguf==0.19.0 numpy ml_dtypes safetensors`.

block-types.gguf   one tensor per type, of random blocks; the header also has a metadata value of every type
decoded.json       a checksum of each tensor's elements as float32, decoded by the package gguf: of block-types.gguf,
                   and of the tiny models with q and k rows back in Hugging Face's order
quantized.json     rows with hard roundings, and their INT8 values and scales by numpy

    python make_fixtures.py                    writes them
    python make_fixtures.py MODEL.gguf         prints the sum of the checksums of all tensors of a model
"""
import json, pathlib, sys
import gguf, numpy as np
from gguf import GGMLQuantizationType as T, GGUFValueType as V
from gguf.quants import dequantize
from safetensors.numpy import load_file
import ml_dtypes  # noqa: F401  (bfloat16 for safetensors)

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parents[1] / "OctavoTestSupport/Fixtures/Models"
BLOCK_TYPES = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL, T.IQ4_XS]
# Where each block keeps its half-precision numbers: random bits there would make infinities.
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0]}


def checksum(a):
    """The sum of (2i + 1) * bits of element i, modulo 2^64: changes with every element and with their order."""
    bits = np.ascontiguousarray(a, np.float32).reshape(-1).view(np.uint32).astype(np.uint64)
    return int(np.sum(bits * (2 * np.arange(bits.size, dtype=np.uint64) + np.uint64(1)), dtype=np.uint64))


def make_block_types(path):
    rng = np.random.default_rng(7)
    w = gguf.GGUFWriter(path, "test")
    for name in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]:
        limits = np.iinfo(name)
        getattr(w, "add_" + name)("edge." + name, int(limits.min if limits.min < 0 else limits.max))
    w.add_float32("edge.float32", 0.1), w.add_float64("edge.float64", 0.1)
    w.add_bool("edge.bool", True), w.add_string("edge.string", "gr\u00fc\u00df \U0001f999")
    w.add_array("edge.strings", ["a", "", "\u4e2d\u6587"]), w.add_array("edge.integers", [1, -2, 3])
    w.add_key_value("edge.nested", [[1, 2], [3]], V.ARRAY)
    every_half = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(64, 1024)
    w.add_tensor("F16", every_half)
    w.add_tensor("F32", rng.standard_normal((3, 5)).astype(np.float32))
    w.add_tensor("BF16", np.arange(0, 65536, 37, dtype=np.uint16).view(np.uint8).reshape(1, -1), raw_dtype=T.BF16)
    for t in BLOCK_TYPES:
        length, size = gguf.GGML_QUANT_SIZES[t]
        blocks = rng.integers(0, 256, (3, 512 // length, size), dtype=np.uint8)
        for at in HALVES[t]:
            scales = rng.standard_normal((*blocks.shape[:2], 1)).astype(np.float16)
            blocks[..., at:at + 2] = scales.view(np.uint8)
        w.add_tensor(t.name, blocks.reshape(3, -1), raw_dtype=t)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


def read_gguf(path):
    return {t.name: dequantize(t.data, t.tensor_type).reshape(tuple(reversed(t.shape.tolist())))
            for t in gguf.GGUFReader(path).tensors}


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def read_model(path):
    """Hugging Face names -> float32 arrays, q and k rows in Hugging Face's order."""
    if path.is_dir():
        tensors = {}
        for f in path.glob("*.safetensors"):
            tensors.update(load_file(f))
        return {n: a.astype(np.float32) for n, a in tensors.items()}
    arch = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    block = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    fields = gguf.GGUFReader(path).fields
    heads = {"attn_q": fields["llama.attention.head_count"].contents(),
             "attn_k": fields["llama.attention.head_count_kv"].contents()}
    out = {}
    for name, a in read_gguf(path).items():
        parts = name.split(".")
        if parts[0] == "blk":
            a = unpermute(a, heads[parts[2]]) if parts[2] in heads else a
            out[f"model.layers.{parts[1]}.{block[parts[2]]}.weight"] = a
        elif parts[0] != "rope_freqs":
            out[arch[parts[0]] + ".weight"] = a
    return out


def make_quantized():
    f = np.float32
    rows = [[0, 0, 0, 0], [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -127], [1, -1, 0.3333333, 1e-30],
            [-3.4e38, 3.4e38, 1e38, 1], [1e-40, -1e-40, 5e-41], [1e-45, -1e-45], [-0.0, 0.0]]
    rows += [list(map(float, r)) for r in np.random.default_rng(8).standard_normal((4, 37)).astype(f)]
    cases = []
    for row in rows:
        w = np.array(row, f)
        s = f(np.abs(w).max() / f(127)) or f(1)
        q = np.clip(np.rint(w / s), -127, 127).astype(int)
        cases.append({"row": [int(b) for b in w.view(np.uint32)], "scale": int(s.view(np.uint32)), "values": q.tolist()})
    return cases


if __name__ == "__main__":
    if len(sys.argv) > 1:
        model = read_model(pathlib.Path(sys.argv[1]))
        sys.exit(f"{len(model)} tensors, {sum(map(checksum, model.values())) % 2**64:#x}")
    make_block_types(HERE / "block-types.gguf")
    decoded = {"block-types.gguf": {n: hex(checksum(a)) for n, a in sorted(read_gguf(HERE / "block-types.gguf").items())}}
    for path in sorted(MODELS.glob("*/hf*")) + sorted(MODELS.glob("*/gguf/*.gguf")):
        model = read_model(path)
        decoded[str(path.relative_to(MODELS))] = {n: hex(checksum(model[n])) for n in sorted(model)}
    (HERE / "decoded.json").write_text(json.dumps(decoded, indent=1) + "\n")
    (HERE / "quantized.json").write_text(json.dumps(make_quantized()) + "\n")
