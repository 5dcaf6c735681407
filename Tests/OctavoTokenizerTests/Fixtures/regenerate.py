#!/usr/bin/env python3
"""Makes the files beside it that hold what Hugging Face tokenizers says.

usage: pip install tokenizers==0.23.3 && python regenerate.py CASES.jsonl...

tiny-*.tokenizer.json    (inputs) vocabularies of the tiny test models; Llama 3's kind
tiny-smollm.tokenizer.json, tiny-gpt2.tokenizer.json    trained here, with some bytes left out of the vocabulary
cases.jsonl              text -> pieces of each pre-tokenizer and ids of each vocabulary, as user text (`ids`) and, where
                         they differ, as trusted text (`trusted_ids`)

CASES.jsonl are lines with a `text`; a sample of the short ones is taken.
"""
import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MISSING = [0x06, 0x13, 0xC0, 0xF5, 0xFF]
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
SPECIAL_TEXTS = [
    "<|im_start|>user\nHi<|im_end|>\n", "<|im_end|><|im_end|>", " <|im_end|> ", "<|im_end", "<|im_<|im_end|>|>",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>", "  <|eot_id|>  x", "a<|eot_id|>'s",
    "<<|eot_id|>>", "<|eot_id|", "12<|eom_id|>34", "<|python_tag|>print(1)\n<|reserved_special_token_0|>",
]
TRAINING = [
    "the cat sat on the mat, and the dog's bone wasn't there; they're in the other room, she'll say.",
    "In 2024 there were 365 entries, 12 of them at the end of the street.   Two  spaces,\n\nlines\n\tand tabs.",
    "def function(self, value):\n    return self.value + value\n\nprint('hello', 3.14)\n", "größer naïve café Über",
]


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


PRE_TOKENIZERS = {
    "llama3": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), byte_level(False)]),
    "gpt2": byte_level(True),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
}
characters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=ord)
# The byte-level alphabet in the order of the bytes: printable ones are themselves, the others follow from U+0100 on.
printable = [b for b in range(256) if chr(b) in characters]
byte_to_character = {b: chr(b) for b in printable}
byte_to_character |= {b: chr(0x100 + i) for i, b in enumerate(b for b in range(256) if b not in printable)}
character_to_byte = {c: b for b, c in byte_to_character.items()}


def train(kind):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = PRE_TOKENIZERS[kind]
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = [c for b, c in byte_to_character.items() if b not in MISSING]
    specials = [AddedToken(s, special=True, normalized=False) for s in SPECIALS]
    tokenizer.train_from_iterator(
        TRAINING * 3, trainers.BpeTrainer(
            vocab_size=400, initial_alphabet=alphabet, special_tokens=specials, show_progress=False))
    path = HERE / f"tiny-{kind}.tokenizer.json"
    tokenizer.save(str(path))
    return path


def pieces(kind, text):
    spelled = [piece for piece, _ in PRE_TOKENIZERS[kind].pre_tokenize_str(text)]
    return [bytes(character_to_byte[c] for c in piece).decode() for piece in spelled]


def sample(paths):
    texts = {json.loads(line)["text"] for path in paths for line in open(path)}
    short = sorted(text for text in texts if len(text) <= 100)
    return SPECIAL_TEXTS + random.Random(0).sample(short, 300)


def main():
    for kind in ["smollm", "gpt2"]:
        train(kind)
    files = sorted(HERE.glob("tiny-*.tokenizer.json"))
    names = [file.name.removesuffix(".tokenizer.json") for file in files]
    trusting = {name: Tokenizer.from_file(str(file)) for name, file in zip(names, files)}
    plain = {name: Tokenizer.from_file(str(file)) for name, file in zip(names, files)}
    for tokenizer in plain.values():
        tokenizer.encode_special_tokens = True
    with open(HERE / "cases.jsonl", "w") as out:
        for text in sample(sys.argv[1:]):
            case = {"text": text, "pieces": {kind: pieces(kind, text) for kind in PRE_TOKENIZERS}}
            encode = lambda t: t.encode(text, add_special_tokens=False).ids
            case["ids"] = {name: encode(t) for name, t in plain.items()}
            trusted = {name: encode(t) for name, t in trusting.items()}
            case["trusted_ids"] = {name: ids for name, ids in trusted.items() if ids != case["ids"][name]}
            out.write(json.dumps(case, separators=(",", ":")) + "\n")


main()
