"""Compares an export for distillation with the teacher's full logits, and with what trainers read of its layouts.

    check-distilled.py ids INDEX COUNT                  {"ids": [...]} of the first samples, for octavo model logits --full
    check-distilled.py logits INDEX LOGITS.safetensors  how far the file is from the full logits of its first samples
    check-distilled.py layouts INDEX FOLDER VOCABULARY  writes every layout, and reads it as its trainer does

Prints JSON. Readers follow what DistillKit's LogprobCompressor, NeMo-Aligner's top-k loss and Axolotl's
ChatTemplateStrategyWithKD do with rows. Needs numpy, safetensors and pyarrow.
"""
import itertools, json, math, pathlib, subprocess, sys

import numpy as np, pyarrow.parquet
from safetensors import safe_open
import distilled


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def with_tail(logprobs):
    """Log-probabilities of the tokens and, behind them, of all others together.

    Logits of 16 bits tell the tokens' mass to about 1e-4, so that what is left of a smaller one is no more than noise.
    """
    tail = np.clip(1 - np.exp(logprobs).sum(-1, keepdims=True), 1e-5, 1)
    return np.concatenate([logprobs, np.log(tail)], -1)


def divergence(p, q):
    """KL(p || q) of log-probabilities, a number for each row."""
    return (np.exp(p) * (p - q)).sum(-1)


def check_logits(index, path):
    worst = {"positions": 0, "unlike_ids": 0, "logprob": 0.0, "log_sum_exp": 0.0, "ranks": 0, "kl": {}}
    with safe_open(path, "numpy") as file:
        count = len(file.keys())
        for number, sample in enumerate(itertools.islice(distilled.samples(index), count)):
            place = sample.first_position + np.arange(len(sample.topk_ids))
            logits = file.get_tensor(str(number))[place].astype(np.float64)
            k = sample.topk_ids.shape[1]
            order = np.argsort(-logits, axis=-1, kind="stable")
            worst["positions"] += len(place)
            worst["vocabulary"], worst["k"] = logits.shape[1], k
            worst["unlike_ids"] += int((order[:, :k] != sample.topk_ids).sum())
            own = sample.input_ids[sample.targets][:, None]
            error = np.take_along_axis(log_softmax(logits), own, -1)[:, 0] - sample.logprob
            worst["logprob"] = max(worst["logprob"], float(np.abs(error).max()))
            worst["ranks"] += int((np.argmax(order == own, -1) + 1 != sample.rank).sum())
            relative = logits - logits.max(-1, keepdims=True)
            for column, temperature in enumerate(sample.temperatures):
                exact = np.log(np.exp(relative / temperature).sum(-1))
                error = np.abs(exact - sample.log_sum_exp[:, column]).max()
                worst["log_sum_exp"] = max(worst["log_sum_exp"], float(error))
                student = with_tail(sample.logprobs(temperature).astype(np.float64))
                teacher = log_softmax(logits / temperature)
                teacher = with_tail(np.take_along_axis(teacher, sample.topk_ids, -1))
                kl = float(max(divergence(student, teacher).max(), divergence(teacher, student).max()))
                worst["kl"][str(temperature)] = max(worst["kl"].get(str(temperature), 0.0), kl)
    return worst


# Readers. Each gives, for every sample, the ids and log-probabilities that its trainer has for positions that count.



def read_parquet(path):
    for row in pyarrow.parquet.read_table(path).to_pylist():
        ids = np.array(row["topk_ids"])
        logprobs = np.array(row["topk_logits"], np.float32) - np.array(row["log_sum_exp"], np.float32)[:, :1]
        targets = row["first_position"] + 1 + np.arange(len(ids))
        counts = np.array(row["loss_mask"])[targets] == 1
        yield ids[counts], logprobs[counts]


def read_distillkit(path, vocabulary):
    for row in pyarrow.parquet.read_table(path).to_pylist():
        if "top_values" in row:
            ids, values = np.array(row["token_ids"]), np.array(row["top_values"])
        else:
            values = np.array(row["compressed_logprobs"], np.uint8).view("<f2").astype(np.float32)
            width, k = math.ceil(math.log2(vocabulary)), values.shape[1]
            bits = np.unpackbits(np.array(row["bytepacked_indices"], np.uint8), axis=-1)[:, : k * width]
            ids = bits.reshape(-1, k, width) @ (1 << np.arange(width - 1, -1, -1))
        assert len(ids) == len(row["input_ids"]) == len(row["labels"]), "a row of the teacher for every logit"
        counts = np.array(row["labels"]) >= 0
        yield ids[counts], values[counts]


def read_nemo(path):
    for number, line in enumerate(map(json.loads, open(path))):
        assert line["index"] == number and line["tokens"][1:] == line["labels"][:-1]
        assert len({len(line[key]) for key in line if key != "index"}) == 1
        logits = np.array(line["topk_logits"])
        assert (np.diff(logits, axis=-1) <= 0).all(), "logits fall"
        counts = np.array(line["loss_mask"]) == 1
        logprobs = logits - np.array(line["log_sum_exp_logits"])[:, None]
        yield np.array(line["topk_token_ids"])[counts], logprobs[counts]


def read_axolotl(path):
    for line in map(json.loads, open(path)):
        assert line["messages"][-1]["role"] == "assistant"
        if "target_token_ids" in line:
            yield np.array(line["target_token_ids"]), np.array(line["logprobs"])
        else:
            rows = line["logprobs"]
            ids = [[int(entry["token"].split(":")[1]) for entry in row] for row in rows]
            yield np.array(ids), np.array([[entry["logprob"] for entry in row] for row in rows])


def check_layouts(index, folder, vocabulary):
    readers = {
        "parquet": read_parquet, "distillkit": lambda path: read_distillkit(path, vocabulary),
        "distillkit-raw": lambda path: read_distillkit(path, vocabulary), "nemo-aligner": read_nemo,
        "axolotl": read_axolotl, "axolotl-v1": read_axolotl,
    }
    expected = list(distilled.samples(index))
    positions = sum(len(sample.topk_ids) for sample in expected)
    result = {}
    for layout, reader in readers.items():
        path = f"{folder}/{layout}" + (".parquet" if "kit" in layout or layout == "parquet" else ".jsonl")
        script = pathlib.Path(__file__).parent.parent / "to_parquet"
        subprocess.run(
            [sys.executable, script, index, "--layout", layout, "--vocab-size", str(vocabulary), "-o", path], check=True,
            stderr=subprocess.DEVNULL)
        rows, error = list(reader(path)), 0.0
        assert len(rows) == len(expected), layout
        for sample, (ids, logprobs) in zip(expected, rows):
            counts = sample.loss_mask[sample.targets] == 1
            assert (ids == sample.topk_ids[counts]).all(), layout
            error = max(error, float(divergence(
                with_tail(sample.logprobs()[counts].astype(np.float64)),
                with_tail(logprobs.astype(np.float64))).max()))
        size = pathlib.Path(path).stat().st_size
        result[layout] = {"samples": len(rows), "kl": error, "bytes_per_position": round(size / positions, 1)}
    return result


def main():
    command, index, *rest = sys.argv[1:]
    if command == "ids":
        for sample in itertools.islice(distilled.samples(index), int(rest[0])):
            print(json.dumps({"ids": sample.input_ids[:-1].tolist()}))
    elif command == "logits":
        print(json.dumps(check_logits(index, *rest)))
    else:
        print(json.dumps(check_layouts(index, rest[0], int(rest[1]))))


main()
