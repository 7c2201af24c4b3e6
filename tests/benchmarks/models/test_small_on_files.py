"""A student of bytes on files of the form of GSM8K and MATH: signs that it never saw score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.benchmarks.models.embedded import KINDS
from teachgym.benchmarks.models.pretrain import make_student
from teachgym.benchmarks.models.tokenizers import CHARACTERS, make_tokenizer
from teachgym.evaluation import GenerateAndGrade
from teachgym.tasks import make_task
from teachgym.tasks.word_problems import WordProblems
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.settings import FineTuningSettings
from tests.tasks.math_files import gsm8k_rows, math_rows, write_lines

pytest.importorskip("math_verify")

NARROW = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}


def task_of(name: str, folder: Path) -> Any:
    """The task of a few rows with signs that word problems do not have."""
    if name == "gsm8k":
        rows = gsm8k_rows(6)
        for row in rows:
            row["question"] += " Each costs £½, café «Öl» √2."
            row["answer"] = f"So: 2·n → {row['answer']}"
        settings = {"val_size": 1}
    else:
        rows = math_rows(2)[:6]
        settings = {"val_per_cell": 1}
    paths = {
        split: str(write_lines(folder / f"{split}.jsonl", rows)) for split in ("train", "test")
    }
    other = [
        {**row, **dict.fromkeys(("question", "problem"), f"{i}?")} for i, row in enumerate(rows)
    ]
    write_lines(folder / "test.jsonl", other)
    return make_task(name, path=paths, **settings)


@pytest.mark.slow
def test_it_learns_to_write_what_it_has_no_tokens_for(tmp_path: Path) -> None:
    """Taught a problem of each until it knows them, it answers them rightly, byte by byte."""
    tasks, kind = [task_of(name, tmp_path / name) for name in ("gsm8k", "math")], KINDS["small"]
    tokenizer = kind.tokenizer(WordProblems(val_per_cell=1, test_per_cell=1, train_per_cell=2))
    student = make_student(replace(kind, model={**kind.model, **NARROW}), tokenizer, 0)
    items = tuple(task.examples("train")[0] for task in tasks)
    settings = FineTuningSettings(epochs=150, batch_size=2, learning_rate=1e-2, constant_share=0.5)

    def answers() -> list[tuple[str, float]]:
        asked = [
            GenerateAndGrade().predict(student, t, [e])[0]
            for t, e in zip(tasks, items, strict=True)
        ]
        return [(a.response, a.score) for a in asked]

    assert [score for _, score in answers()] == [0, 0]
    FineTuner(settings).train(student, items, np.random.default_rng(0))
    assert answers() == [(e.target, 1.0) for e in items]


def test_single_characters_could_not() -> None:
    """What ``tiny`` cannot spell is lost, so it would score 0 whatever it learned."""
    assert "#" not in CHARACTERS
    tokenizer = make_tokenizer()
    ids = tokenizer("#### 7")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == " 7"
