"""Measures Octavo and other engines in turn: the same weights, lengths and threads, each in a process of its own.

usage: compare-engines.py OCTAVO FOLDER [options] PEER...      (scripts/bench-peers calls it so)
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import peers


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("octavo")
    parser.add_argument("folder")
    parser.add_argument("peers", nargs="+")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prefill", default="128,512,2048")
    parser.add_argument("--decode", default="1,4,16,32,64")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


LOAD = "seconds from start to first work"
MEMORY = "peak memory, GiB"
LESS_IS_BETTER = {LOAD, MEMORY}


def name(figure):
    case = ", ".join(f"{key} {value}" for key, value in figure["case"].items())
    return LOAD if figure["benchmark"] == "load" else f"{figure['benchmark']}, {case}"


def run(command, options):
    """The figures that a process prints, on as many CPUs as threads."""
    processors = sorted(os.sched_getaffinity(0))[: options.threads]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    # In files, since only `wait4` tells a process's own memory, and it leaves no pipe to be read.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=errors,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0), errors.seek(0)
        if process.returncode != 0:
            raise RuntimeError((errors.read().strip().splitlines() or ["no reason given"])[-1])
        figures = [json.loads(line) for line in output if line.startswith("{")]
    wanted = ("load", "prefill", "decode", "offline job")
    found = {name(figure): figure["value"] for figure in figures if figure.get("benchmark") in wanted}
    return {**found, MEMORY: usage.ru_maxrss / 2**20}


def ours(options):
    work = ["--prefill", options.prefill, "--decode", options.decode, "--context", str(options.context)]
    work += ["--requests", str(options.requests), "--new-tokens", str(options.new_tokens)]
    # The rows of the job, which are the others' too.
    work += ["--max-batch", str(peers.ROWS_OF_THE_JOB)]
    model = os.path.join(options.folder, "model.gguf")
    if not os.path.exists(model):
        model = os.path.join(options.folder, "huggingface")
    return [options.octavo, "bench", "engine", model, "--runs", "1", "--json", "--threads", str(options.threads), *work]


def compare(options):
    figures = {"octavo": {}}
    for peer in options.peers:
        figures[peer] = {}
    left = list(options.peers)
    for round_number in range(options.rounds):
        for peer in list(left):
            commands = [("octavo", ours(options)), (peer, [sys.executable, *sys.argv, "--measure", peer])]
            # Whoever comes first has no advantage in the end.
            for who, command in commands if round_number % 2 == 0 else reversed(commands):
                try:
                    for key, value in run(command, options).items():
                        figures[who].setdefault(key, []).append(value)
                except RuntimeError as error:
                    if who == "octavo":
                        raise
                    print(f"{peer}: left out: {error}", file=sys.stderr)
                    left.remove(peer)
    return figures


def show(figures):
    own = figures.pop("octavo")
    print(f"{'tokens/s, medians':48}{'octavo':>10}" + "".join(f"{peer:>26}" for peer in figures))
    for key, values in sorted(own.items(), key=lambda item: item[0] in LESS_IS_BETTER):
        median = statistics.median(values)
        line = f"{key:48}{median:10.1f}"
        for theirs in figures.values():
            other = statistics.median(theirs[key]) if key in theirs else None
            if other is None:
                line += f"{'-':>26}"
            else:
                ratio = other / median if key in LESS_IS_BETTER else median / other
                line += f"{other:14.1f} ({ratio:5.2f} x)".rjust(26)
        print(line)


def main():
    options = arguments()
    if options.measure:
        peers.measure(options)
    else:
        show(compare(options))


main()
