"""Measures Octavo and tiktoken in turn on the same documents, one thread each, and prints medians and their ratio.

Both encode every other document first and are then timed on those between, and the same with the halves exchanged; which
of the two begins alternates.

usage: compare-tokenizers.py OCTAVO TOKENIZER.MODEL ROUNDS FILE...
"""

import base64
import json
import pathlib
import statistics
import subprocess
import sys
import time

import tiktoken

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
DOCUMENT_SIZE = 4000


def documents(path):
    """The documents that `octavo bench tokenizer` makes of a file: each ends with the line that makes it long enough."""
    found, part = [], b""
    for line in path.read_bytes().split(b"\n"):
        part += line + b"\n"
        if len(part) >= DOCUMENT_SIZE:
            found.append(part.decode())
            part = b""
    return found + ([part[:-1].decode()] if part[:-1] else [])


def octavo(program, model, path):
    """One run of `octavo bench tokenizer` on one thread: MB/s and tokens per byte."""
    command = [program, "bench", "tokenizer", model, path, "--threads", "1", "--runs", "1", "--json"]
    lines = [json.loads(line) for line in subprocess.check_output(command).splitlines()]
    figures = {line["benchmark"]: line["value"] for line in lines[1:]}
    return figures["tokenizer encode"], figures["tokenizer length"] / 1000


def reference(texts):
    """The same by tiktoken: MB/s, and the number of tokens."""
    seconds = tokens = 0
    halves = texts[0::2], texts[1::2]
    for others, timed in (halves, halves[::-1]):
        for text in others:
            encoding.encode_ordinary(text)
        start = time.perf_counter()
        tokens += sum(len(encoding.encode_ordinary(text)) for text in timed)
        seconds += time.perf_counter() - start
    return sum(len(text.encode()) for text in texts) / 1e6 / seconds, tokens


program, model, rounds = sys.argv[1:4]
ranks = {}
for line in pathlib.Path(model).read_bytes().splitlines():
    token, rank = line.split()
    ranks[base64.b64decode(token)] = int(rank)
encoding = tiktoken.Encoding("llama3", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
print(f"{'corpus':<16}{'octavo MB/s':>14}{'tiktoken MB/s':>15}{'ratio':>8}   (medians; lowest and highest ratio)")
for path in map(pathlib.Path, sys.argv[4:]):
    texts = documents(path)
    size = sum(len(text.encode()) for text in texts)
    ours, theirs = [], []
    for number in range(int(rounds)):
        if number % 2:
            their_speed, tokens = reference(texts)
            our_speed, length = octavo(program, model, str(path))
        else:
            our_speed, length = octavo(program, model, str(path))
            their_speed, tokens = reference(texts)
        ours.append(our_speed)
        theirs.append(their_speed)
        if round(length * size) != tokens:
            sys.exit(f"{path}: {round(length * size)} tokens, but tiktoken has {tokens}")
    ratios = [our / their for our, their in zip(ours, theirs)]
    print(
        f"{path.name:<16}{statistics.median(ours):>14.1f}{statistics.median(theirs):>15.1f}"
        f"{statistics.median(ratios):>8.1f}   ({min(ratios):.1f} to {max(ratios):.1f})"
    )
