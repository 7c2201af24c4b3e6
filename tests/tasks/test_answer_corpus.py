"""The graders of GSM8K and MATH give the verdicts of a corpus, each row with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teachgym.tasks.math_answers import read_boxed, read_marked
from teachgym.tasks.math_grading import grade_answers

pytest.importorskip("math_verify")

DATA = Path(__file__).parents[1] / "data"
READERS = {"gsm8k": read_marked, "math": read_boxed}


@pytest.mark.parametrize("task", sorted(READERS))
def test_every_row_of_the_corpus_gets_its_verdict(task: str) -> None:
    rows = [json.loads(line) for line in (DATA / f"{task}_answers.jsonl").read_text().splitlines()]
    assert len(rows) >= 100
    golds = [row["gold"] for row in rows]
    scores = grade_answers(golds, [READERS[task](r["answer"]) for r in rows], deadline=30)
    wrong = [(r, s) for r, s in zip(rows, scores, strict=True) if s != r["verdict"]]
    assert wrong == []
