"""How the bases of ``tiny`` are made: the mixture, equal weights from equal seeds, the files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from teachgym.benchmarks.models.mixtures import (
    HARDLY,
    LEVEL_WEIGHTS,
    OFTEN,
    RARELY,
    draw_mixture,
    draw_weights,
)
from teachgym.benchmarks.models.pretrain_tiny import (
    CHARACTERS,
    COMMAND,
    SEEDS,
    fault,
    main,
    pretrain,
)
from teachgym.students.bases import BASES, base_card, base_folder
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.tasks.procedural import split_of
from teachgym.types import Prompt


def test_a_mixture_is_drawn_by_the_rule_and_differs_between_seeds() -> None:
    """Of 32 skills 12 in [0.03, 1], 4 in [0.003, 0.03], 16 at 6."""
    drawn = [draw_weights(seed) for seed in SEEDS]
    for weights in drawn:
        assert list(weights) == [p.name for p in PRIMITIVES]
        counts = [sum(low <= w <= high for w in weights.values()) for low, high in (RARELY, HARDLY)]
        assert counts == [12, 4]
        assert list(weights.values()).count(OFTEN) == 16
    rare = {frozenset(name for name, w in weights.items() if w < OFTEN) for weights in drawn}
    assert len(rare) == len(SEEDS)
    assert draw_weights(0) == drawn[0]


def test_the_mixture_has_the_proportions_of_its_weights_and_stays_in_train() -> None:
    """Of n draws a share p gives n p +- sqrt(n p (1 - p)); four standard deviations allowed."""
    n, weights = 4000, draw_weights(0)
    data = draw_mixture(weights, n, seed=0)
    assert {split_of(e.prompt) for e in data} == {"train"}
    counts, total = Counter(e.skill for e in data), sum(weights.values())
    for name, weight in weights.items():
        p = weight / total
        assert counts[name] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5 + 1)
    levels = Counter(e.difficulty for e in data)
    for level, p in zip(ArithmeticAndStrings.levels, LEVEL_WEIGHTS, strict=True):
        assert levels[level] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5)


@pytest.mark.parametrize("number", range(BASES))
def test_a_base_that_ships_is_of_use_and_has_the_weights_that_its_number_draws(number: int) -> None:
    card = base_card(number)
    assert fault(card) is None
    assert card["weights"] == draw_weights(SEEDS[number])
    assert card["command"] == f"{COMMAND} --base {number} --examples 60000"
    lifted = {skill for skill, lift in card["lift_by_skill"].items() if lift >= 0.2}
    assert lifted == set(card["learnable"])


@pytest.mark.parametrize(
    ("accuracy", "learnable", "message"),
    [(0.9, 8, "0.9, outside 0.3 to 0.8"), (0.1, 8, "0.1, outside"), (0.5, 5, "5 skills can be")],
)
def test_a_base_of_no_use_is_told_of(accuracy: float, learnable: int, message: str) -> None:
    found = fault({"val_accuracy": accuracy, "learnable": ["a"] * learnable})
    assert found is not None
    assert message in found


def test_the_bases_that_ship_are_small() -> None:
    sizes = [f.stat().st_size for n in range(BASES) for f in base_folder(n).iterdir()]
    assert sum(sizes) < 8e6


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
    weights = draw_weights(1)
    first, loss = pretrain(weights, 128, seed=1)
    second, _ = pretrain(weights, 128, seed=1)
    assert first.save() == second.save()
    _, longer = pretrain(weights, 960, seed=1)
    assert longer < loss


def test_the_command_writes_a_student_with_its_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teachgym.benchmarks.models.pretrain_tiny.ITEMS", 1)
    monkeypatch.setattr("teachgym.benchmarks.models.pretrain_tiny.DOSE", 3)
    arguments = ["--examples", "64", "--base", "3", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["pretrain_tiny", *arguments])
    main()
    card = json.loads((tmp_path / "3" / "card.json").read_text())
    assert (card["examples"], card["base"], card["seed"]) == (64, 3, SEEDS[3])
    assert card["weights"] == draw_weights(SEEDS[3])
    assert card["learnable"] == []
    assert set(card["val_accuracy_by_skill"]) == set(card["weights"])
    text = (tmp_path / "3" / "README.md").read_text()
    assert "license: apache-2.0" in text
    assert "pretrain_tiny --base 3 --examples 64" in text
    assert all(f"| {p.name} |" in text for p in PRIMITIVES)
    student = LanguageModelStudent.load(str(tmp_path / "3"), device="cpu")
    assert len(student.generate([Prompt("rotl abcd=")])) == 1
