"""How ``tiny`` is made: the mixture, the same weights from the same seed, and the files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from teachgym.benchmarks.models.pretrain_tiny import (
    CHARACTERS,
    LEVEL_WEIGHTS,
    RARELY_SEEN,
    WEIGHTS,
    draw_mixture,
    main,
    pretrain,
)
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.tasks.procedural import split_of
from teachgym.types import Prompt


def test_every_skill_has_a_weight_and_the_learnable_ones_are_the_rarely_seen() -> None:
    assert set(WEIGHTS) == {p.name for p in PRIMITIVES}
    assert all(weight > 0 for weight in WEIGHTS.values())
    assert set(RARELY_SEEN) < set(WEIGHTS)
    assert max(WEIGHTS[name] for name in RARELY_SEEN) < np.median(list(WEIGHTS.values()))
    assert sum(LEVEL_WEIGHTS) == pytest.approx(1)


def test_the_mixture_has_the_proportions_of_its_weights_and_stays_in_train() -> None:
    """Of n draws a share p gives n p +- sqrt(n p (1 - p)); four standard deviations allowed."""
    n = 4000
    data = draw_mixture(n, seed=0)
    assert {split_of(e.prompt) for e in data} == {"train"}
    counts, total = Counter(e.skill for e in data), sum(WEIGHTS.values())
    for name, weight in WEIGHTS.items():
        p = weight / total
        assert counts[name] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5 + 1)
    levels = Counter(e.difficulty for e in data)
    for level, p in zip(ArithmeticAndStrings.levels, LEVEL_WEIGHTS, strict=True):
        assert levels[level] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5)


def test_the_vocabulary_has_every_character_of_the_task() -> None:
    task = ArithmeticAndStrings()
    texts = (
        text
        for split in ("train", "val", "test")
        for e in task.examples(split)
        for text in (e.prompt, e.target)
    )
    assert set("".join(texts)) <= set(CHARACTERS)


def test_equal_seeds_make_equal_students_and_training_lowers_the_loss() -> None:
    first, loss, _ = pretrain(128, seed=1)
    second, _, _ = pretrain(128, seed=1)
    assert first.save() == second.save()
    _, longer, _ = pretrain(960, seed=1)
    assert longer < loss


def test_the_command_writes_a_student_with_its_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--examples", "64", "--seed", "3", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["pretrain_tiny", *arguments])
    main()
    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["examples"], card["seed"]) == (64, 3)
    assert card["learnable"] == list(RARELY_SEEN)
    assert card["weights"] == WEIGHTS
    assert set(card["val_accuracy_by_skill"]) == set(WEIGHTS)
    text = (tmp_path / "README.md").read_text()
    assert "license: apache-2.0" in text
    assert "pretrain_tiny --examples 64 --seed 3" in text
    assert all(f"| {p.name} |" in text for p in PRIMITIVES)
    student = LanguageModelStudent.load(str(tmp_path), device="cpu")
    assert len(student.generate([Prompt("rotl abcd=")])) == 1
