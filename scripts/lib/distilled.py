"""Reads what `octavo export --format distill` writes: an index of JSON lines, and safetensors beside it.

Needs numpy and safetensors; an index that is compressed by Zstandard also pyarrow.
"""
import dataclasses, gzip, itertools, json, pathlib

import numpy as np
from safetensors import safe_open


@dataclasses.dataclass
class Sample:
    """An answer: the tokens of prompt and answer, and at some of them what the teacher thought of the next token."""
    line: dict  # the line of the index
    temperatures: list  # of the columns of log_sum_exp, the first 1
    input_ids: np.ndarray  # [tokens]
    loss_mask: np.ndarray  # [tokens], 1 for those to be learned
    first_position: int  # position p is at token first_position + p, and tells of the token after that
    topk_ids: np.ndarray  # [positions, k], likeliest first
    topk_logits: np.ndarray  # [positions, k], less the largest logit
    log_sum_exp: np.ndarray  # [positions, temperatures], over the whole vocabulary, of logits less the largest
    logprob: np.ndarray  # [positions], of the token that follows
    rank: np.ndarray  # [positions], of that token, from 1; 0 where it is not known

    @property
    def targets(self):
        """Where the tokens that the positions tell of are, in input_ids."""
        return np.arange(self.first_position + 1, self.first_position + 1 + len(self.topk_ids))

    def logprobs(self, temperature=1):
        """[positions, k]: the log-probabilities of the likeliest tokens at one of the temperatures."""
        column = self.temperatures.index(temperature)
        return self.topk_logits.astype(np.float32) / temperature - self.log_sum_exp[:, column : column + 1]


def open_index(path):
    """The lines of an index, which may be compressed."""
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    if path.endswith(".zst"):
        import io, pyarrow
        return io.TextIOWrapper(pyarrow.input_stream(path, compression="zstd"), encoding="utf-8")
    return open(path, encoding="utf-8")


def shards(index):
    """Each shard of an export, in order: the lines of its samples, its temperatures, and its tensors by name."""
    with open_index(index) as lines:
        for name, group in itertools.groupby(map(json.loads, lines), lambda line: line["shard"]):
            with safe_open(pathlib.Path(index).parent / name, "numpy") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}
                yield list(group), json.loads(file.metadata()["temperatures"]), tensors


def samples(index):
    """Each sample of an export, in order; memory holds one shard."""
    for lines, temperatures, tensors in shards(index):
        for line in lines:
            row = line["row"]
            tokens = slice(*tensors["token_offsets"][row : row + 2])
            positions = slice(*tensors["position_offsets"][row : row + 2])
            yield Sample(
                line, temperatures, tensors["input_ids"][tokens], tensors["loss_mask"][tokens],
                int(tensors["first_position"][row]),
                *(tensors[key][positions] for key in ("topk_ids", "topk_logits", "log_sum_exp", "logprob", "rank")))
