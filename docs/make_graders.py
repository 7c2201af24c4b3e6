"""Make ``docs/graders.md`` from the corpus of answers: ``python docs/make_graders.py``.

What this project's graders say of each row is asserted by ``tests/tasks/test_answer_corpus.py``;
here math-verify is asked as well, with its own reading of the whole answer.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from math_verify import parse, verify  # type: ignore[import-untyped]

DOCS = Path(__file__).parent
HEAD = """# Graders

GSM8K and MATH are graded by their final answers: `teachgym.tasks.math_answers` reads them (after
the last `####`, in the last `\\boxed{}`), plain numbers and numbers with bases are compared at
once, all else by math-verify. The corpus in `tests/data` holds answers with verdicts and reasons;
`pytest tests/tasks/test_answer_corpus.py` asserts them all. This page is made from it by
`python docs/make_graders.py`.
"""


def rows_of(task: str) -> list[dict[str, Any]]:
    """The corpus of a task."""
    path = DOCS.parent / "tests" / "data" / f"{task}_answers.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def math_verify_says(row: dict[str, Any]) -> int:
    """math-verify's verdict with its own reading of gold and answer."""
    return int(verify(parse(rf"\boxed{{{row['gold']}}}"), parse(row["answer"])))


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for task in ("gsm8k", "math"):
        rows = rows_of(task)
        right = sum(row["verdict"] for row in rows)
        lines += [f"## {task}: {len(rows)} rows, {right} right", "", "| reason | rows | right |"]
        lines += ["|---|---|---|"]
        counts, wins = Counter[str](), Counter[str]()
        for row in rows:
            counts[row["reason"]] += 1
            wins[row["reason"]] += row["verdict"]
        lines += [f"| {reason} | {n} | {wins[reason]} |" for reason, n in counts.items()]
        other = [row for row in rows if math_verify_says(row) != row["verdict"]]
        lines += ["", f"math-verify alone disagrees in {len(other)}:", ""]
        lines += ["| right answer | answer | verdict here | reason |", "|---|---|---|---|"]
        lines += [
            f"| {_code(r['gold'])} | {_code(r['answer'])} | {r['verdict']} | {r['reason']} |"
            for r in other
        ]
        lines.append("")
    return "\n".join(lines)


def _code(text: str) -> str:
    shown = text.replace("\n", "⏎").replace("|", "\\|")
    return f"`{shown}`" if shown else "(nothing)"


if __name__ == "__main__":
    (DOCS / "graders.md").write_text(page(), encoding="utf-8")
