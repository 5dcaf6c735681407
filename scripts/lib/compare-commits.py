"""Measures two builds of octavo in turn, and prints medians, their ratio and its spread.

A ratio is of speeds: of head's figure to base's, or, where less is better, the other way round. It is that of the
medians; the range beside it is of the ratios of single rounds. The exit status is 1 if a ratio is below the threshold.

usage: compare-commits.py BASE HEAD ROUNDS THRESHOLD MODEL ENGINE-OPTIONS KERNEL-OPTIONS
"""

import json
import shlex
import statistics
import subprocess
import sys

# What the machine can do, which no commit changes.
CEILINGS = {"int8 peak", "f32 peak", "read bandwidth"}
LESS_IS_BETTER = {"s", "GiB"}


def measure(program, arguments, units):
    """The header of one run, and its figures by name and case, in `units`, which gets those that are new.

    A kernel's unit is that of what limits it at this moment. In another run this may be something else, of which the
    kernel's share is given, too, and what it is a share of: by older commits once for all, in the first lines.
    """
    lines = subprocess.check_output([program, "bench", *arguments, "--json"]).splitlines()
    header, *figures = [json.loads(line) for line in lines]
    ceilings = {figure["benchmark"]: figure["value"] for figure in figures if figure["benchmark"] in CEILINGS}
    found = {}
    for figure in figures:
        if figure["benchmark"] in CEILINGS:
            continue
        case = ", ".join(f"{key} {value}" for key, value in figure["case"].items())
        name = ", ".join(filter(None, [figure["benchmark"], case]))
        unit, limit = units.setdefault(name, (figure["unit"], figure["limit"]))
        found[name] = figure["value"]
        if figure["unit"] != unit:
            ceiling = figure.get("other_ceilings", {}).get(limit, ceilings[limit.lower()])
            found[name] = figure["other_shares"][limit] * ceiling
    return header, found


def ratio(base, head, unit):
    return base / head if unit in LESS_IS_BETTER else head / base


def compare(samples, unit):
    """The line of one figure, and the ratio of its medians."""
    medians = [statistics.median(values) for values in samples]
    rounds = [ratio(*pair, unit) for pair in zip(*samples)]
    result = ratio(*medians, unit)
    return f"{medians[0]:9.1f} {medians[1]:9.1f} {unit:9} {result:5.2f} ({min(rounds):.2f} to {max(rounds):.2f})", result


def main():
    programs, rounds, threshold, model = sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
    commands = [["engine", model, *shlex.split(sys.argv[6])]]
    if sys.argv[7] != "none":
        commands.append(["kernels", *shlex.split(sys.argv[7])])
    slow = []
    for command in commands:
        samples, units = {}, {}
        for round in range(rounds):
            # Which of the two begins alternates, as does what the machine has left for it.
            for which in (0, 1) if round % 2 == 0 else (1, 0):
                header, figures = measure(programs[which], command, units)
                for name, value in figures.items():
                    samples.setdefault(name, ([], []))[which].append(value)
        print(f"\n{header['cpu']}, {header['threads']} threads, {header['kernels']}, {header['model']}, {rounds} rounds")
        print(f"{'':56} {'base':>9} {'head':>9} {'':9} ratio (of the rounds)")
        for name, both in samples.items():
            if len(both[0]) != len(both[1]):
                print(f"{name:56} measured in one of the two alone")
                continue
            line, result = compare(both, units[name][0])
            print(f"{name:56} {line}", flush=True)
            if result < threshold:
                slow.append(f"{name}: {result:.2f}")
    if slow:
        sys.exit(f"\nbelow {threshold}:\n  " + "\n  ".join(slow))


main()
