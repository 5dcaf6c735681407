"""Compares a model folder in Hugging Face transformers with the same folder in Octavo.

usage: compare-with-transformers.py --octavo PROGRAM [--prompts FILE] [--int8-tolerance X] MODEL

Three things must hold for status 0:

- Every weight is found, none is left over, and the tokenizer gives the same ids for texts of many kinds.
- Without quantized activations both give the same logits, but for rounding. This is the strict test of weights, scales and
  configuration, on any model.
- With activations in INT8 as Octavo defines it (scale = max(absmax / 127, 1e-5), of groups of features where a down
  projection is wide), both agree within --int8-tolerance if it is given. Rounding to INT8 is chaotic: where an activation
  is near a half, the last bit of a float decides, so that two correct engines differ by some tenths on large models, and
  by several where attention gathers on one token. Only prompts that are known to be insensitive agree closely.

For a folder without INT8 weights only the first two are done. For information, the logits as transformers computes the
folder by itself, where an activation's scale is absmax / 127.5.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()

FLOAT_TOLERANCE = 1e-3

TEXTS = [
    "The largest ocean on Earth is the",
    "Füße, naïve café — “quotes”, ‘don't’ and DON'T",
    "def add(a, b):\n\treturn a + b  # 12345 + 67.89\n\n\n",
    "日本語のテキスト、한국어, العربية, हिन्दी, Việt Nam 🙂👩‍👩‍👧",
    "  leading and trailing spaces   \r\n \n x",
    "",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a Hugging Face folder")
    parser.add_argument("--octavo", required=True, help="the program")
    parser.add_argument("--prompts", help='a file with {"ids": [...]} on each line (default: some texts, tokenized)')
    parser.add_argument("--int8-tolerance", type=float, help="the largest difference of logits with INT8 activations")
    return parser.parse_args()


def octavo(options, command, lines, *flags):
    """What one of `octavo model`'s filters makes of JSON lines."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [options.octavo, "model", command, options.model, *flags], input=text, capture_output=True, encoding="utf-8"
    )
    if done.returncode != 0:
        sys.exit(f"octavo model {command} ended with status {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def octavo_logits(options, prompts, *flags):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/logits.safetensors"
        octavo(options, "logits", [{"ids": ids} for ids in prompts], "--full", path, *flags)
        tensors = load_file(path)
    return [tensors[str(index)] for index in range(len(prompts))]


def tokenizers_agree(options):
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    for special in (False, True):
        lines = [{"text": text, "add_special_tokens": special} for text in TEXTS]
        ours = [line["ids"] for line in octavo(options, "tokenize", lines)]
        theirs = [tokenizer(text, add_special_tokens=special).input_ids for text in TEXTS]
        for text, a, b in zip(TEXTS, ours, theirs):
            if a != b:
                print(f"tokenizer           DIFFERS on {text!r}: octavo {a}, transformers {b}")
                return False
    print(f"tokenizer           {len(TEXTS)} of {len(TEXTS)} texts have the same ids")
    return True


def load(path, quantizes_activations):
    """The model in single precision, and whether the folder held exactly its weights."""
    config = AutoConfig.from_pretrained(path)
    quantization = copy.deepcopy(getattr(config, "quantization_config", None))
    if quantization and not quantizes_activations:
        for group in quantization["config_groups"].values():
            group["input_activations"] = None
            # Otherwise weights without activations are taken for packed ones.
            group["format"] = quantization["format"]
        config.quantization_config = quantization
    model, report = AutoModelForCausalLM.from_pretrained(
        path, config=config, dtype=torch.float32, output_loading_info=True
    )
    return model.eval(), {kind: names for kind, names in report.items() if names}


def logits(model, prompts):
    with torch.no_grad():
        return [model(torch.tensor([ids])).logits[0] for ids in prompts]


def group_width(name, features):
    """How many features of a layer's input share a scale: all of them, but for wide down projections.

    The rule is `QuantizationScheme.downGroups`: 64, where that divides the row.
    """
    if not name.endswith(".down_proj") or features < 1024 or features % 64:
        return features
    return 64


def quantize_activations(model):
    """Rounds the inputs of the blocks' linear layers to INT8, per token, as Octavo does."""

    def rounding(width):
        def rounded(_, inputs):
            (x,) = inputs
            groups = x.unflatten(-1, (-1, width))
            scale = (groups.abs().amax(-1, keepdim=True) / 127).clamp(min=1e-5)
            return ((torch.clamp(torch.round(groups * (1 / scale)), -127, 127) * scale).flatten(-2),)

        return rounded

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            module.register_forward_pre_hook(rounding(group_width(name, module.in_features)))


def compare(label, ours, theirs):
    """Prints how far two lists of logits are apart; returns the largest difference."""
    a, b = torch.cat(ours), torch.cat(theirs)
    difference = (a - b).abs()
    agreement = (a.argmax(-1) == b.argmax(-1)).float().mean().item()
    largest = difference.max().item()
    print(
        f"{label:20}max {largest:.2e}, mean {difference.mean().item():.2e}, top-1 agreement {100 * agreement:.1f}% "
        f"of {len(a)} positions (logits have a deviation of {b.std().item():.1f})"
    )
    return largest


def main():
    options = arguments()
    passed = True
    has_tokenizer = os.path.exists(f"{options.model}/tokenizer.json")
    if has_tokenizer:
        passed &= tokenizers_agree(options)
    if options.prompts:
        with open(options.prompts, encoding="utf-8") as lines:
            prompts = [json.loads(line)["ids"] for line in lines if line.strip()]
    elif has_tokenizer:
        lines = [{"text": text, "add_special_tokens": True} for text in TEXTS]
        prompts = [ids for line in octavo(options, "tokenize", lines) if (ids := line["ids"])]
    else:
        sys.exit(f"{options.model} has no tokenizer.json: give --prompts")

    model, odd = load(options.model, quantizes_activations=False)
    print(f"weights             {odd or 'all found, none left over'}")
    passed &= not odd
    ours = octavo_logits(options, prompts, "--scheme", "float")
    passed &= compare("float activations", ours, logits(model, prompts)) <= FLOAT_TOLERANCE
    if hasattr(model.config, "quantization_config"):
        ours = octavo_logits(options, prompts)
        quantize_activations(model)
        largest = compare("INT8 activations", ours, logits(model, prompts))
        passed &= options.int8_tolerance is None or largest <= options.int8_tolerance
        model, _ = load(options.model, quantizes_activations=True)
        compare("transformers' INT8", ours, logits(model, prompts))
    print("PASSED" if passed else "FAILED")
    return 0 if passed else 1


sys.exit(main())
