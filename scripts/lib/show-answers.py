"""Shows some questions with their answers, and how fast they came.

usage: octavo status --json | show-answers.py PROMPTS RESULTS
"""

import json
import sys
import textwrap

SHOWN = 6


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def paragraph(label, text):
    """The text's lines, wrapped, behind a label on the first."""
    lines = [part for line in text.strip().splitlines() for part in textwrap.wrap(line, 92) or [""]]
    return "\n".join((label if number == 0 else "  ") + line for number, line in enumerate(lines or [""]))


prompts_path, results_path = sys.argv[1:]
answers = {result["custom_id"]: result["response"]["body"]["choices"][0] for result in read(results_path)}
# Questions whose answers are whole rather than cut at max_tokens, spread over the file, since neighbors are alike.
chats = [row for row in read(prompts_path) if len(row.get("messages", [])) == 1 and row["id"] in answers]
whole = [row for row in chats if answers[row["id"]]["finish_reason"] == "stop"] or chats
for row in whole[:: max(1, len(whole) // SHOWN)][:SHOWN]:
    print()
    print(paragraph("Q ", row["messages"][-1]["content"]))
    print(paragraph("A ", answers[row["id"]]["message"]["content"]))

batches = [batch for batch in json.load(sys.stdin)["batches"] if batch["name"] == "quickstart" and batch["completed_at"]]
if batches:
    batch = max(batches, key=lambda batch: batch["id"])
    seconds = batch["completed_at"] - batch["started_at"]
    print(
        f"\n{batch['finished']} answers, {batch['completion_tokens']:,} tokens in {seconds:.0f} s: "
        f"{batch['completion_tokens'] / seconds:.0f} tokens per second, {batch['prompt_tokens']:,} prompt tokens read"
    )
