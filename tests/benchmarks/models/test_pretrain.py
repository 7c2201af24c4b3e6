"""How the bases of embedded students are made: mixtures, equal weights from equal seeds, files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from teachgym.benchmarks.models.embedded import KINDS
from teachgym.benchmarks.models.mixtures import (
    HALF,
    MOST,
    OFTEN,
    Rarity,
    draw_mixture,
    draw_weights,
    make_tasks,
    own_skill,
)
from teachgym.benchmarks.models.pretrain import Base, fault, pretrain
from teachgym.benchmarks.models.tokenizers import CHARACTERS, make_subword_tokenizer
from teachgym.students.bases import BASES, base_card, base_folder
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.tasks.procedural import split_of
from teachgym.tasks.programs import skills_in
from teachgym.tasks.word_problems import WordProblems
from teachgym.types import Prompt, leaf_skills
from tests.sandbox.walls import sandbox_or_skip

TINY, SMALL = KINDS["tiny"], KINDS["small"]
NAMES = [p.name for p in PRIMITIVES]


@pytest.mark.parametrize(
    ("names", "rarity", "rare", "hard"),
    [(NAMES, HALF, 12, 4), (leaf_skills(WordProblems.skills), MOST, 8, 2)],
)
def test_a_mixture_is_drawn_by_the_rule_and_differs_between_seeds(
    names: Sequence[str], rarity: Rarity, rare: int, hard: int
) -> None:
    """Three eighths of 32 skills are 12, one is 4; a third of 24 is 8, a twelfth 2."""
    drawn = [draw_weights(names, seed, rarity) for seed in range(7)]
    for weights in drawn:
        assert list(weights) == list(names)
        counts = [
            sum(low <= w <= high for w in weights.values())
            for low, high in (rarity.rarely, rarity.hardly)
        ]
        assert counts == [rare, hard]
        assert list(weights.values()).count(OFTEN) == len(names) - rare - hard
    seldom = {frozenset(name for name, w in weights.items() if w < OFTEN) for weights in drawn}
    assert len(seldom) == 7
    assert draw_weights(names, 0, rarity) == drawn[0]


def test_the_mixture_has_the_proportions_of_its_weights_and_stays_in_train() -> None:
    """Of n draws a share p gives n p +- sqrt(n p (1 - p)); four standard deviations allowed."""
    n, weights = 4000, draw_weights(NAMES, 0, HALF)
    data = draw_mixture(ArithmeticAndStrings(), weights, TINY.level_weights, n, seed=0)
    assert {split_of(e.prompt) for e in data} == {"train"}
    counts, total = Counter(e.skill for e in data), sum(weights.values())
    for name, weight in weights.items():
        p = weight / total
        assert counts[name] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5 + 1)
    levels = Counter(e.difficulty for e in data)
    for level, p in zip(ArithmeticAndStrings.levels, TINY.level_weights, strict=True):
        assert levels[level] == pytest.approx(n * p, abs=4 * (n * p * (1 - p)) ** 0.5)


def test_a_mixture_of_several_tasks_has_the_skills_of_all() -> None:
    task = make_tasks(["arithmetic-and-strings", "word-problems"], 1)
    weights = draw_weights(leaf_skills(task.skills), 0, HALF)
    data = draw_mixture(task, weights, (0.5, 0.3, 0.2), 200, seed=0)
    assert {e.skill.partition("/")[0] for e in data} == {"arithmetic-and-strings", "word-problems"}


def test_what_is_seldom_seen_is_no_step_of_other_programs_either() -> None:
    """So many examples are kept of a program that has a step of weight 0.006: one in a thousand."""
    sandbox_or_skip()
    task = make_tasks(["programs"], 1)
    weights = dict.fromkeys(leaf_skills(task.skills), OFTEN) | {"map": 0.006}
    drawn = [
        draw_mixture(task, weights, (0.0, 1.0, 0.0), 300, 0, exercised)
        for exercised in (own_skill, skills_in)
    ]
    freely, by_weight = (Counter(s for e in data for s in skills_in(e)) for data in drawn)
    assert freely["map"] > 10
    assert by_weight["map"] <= 1
    assert freely["slice"] > 20
    assert by_weight["slice"] > 20


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in BASES for i in range(BASES[n])])
def test_a_base_that_ships_is_of_use_and_has_the_weights_that_its_number_draws(
    name: str, number: int
) -> None:
    card, kind = base_card(name, number), KINDS[name]
    assert fault(card) is None
    assert card["weights"] == draw_weights(list(card["weights"]), number, kind.rarity)
    assert card["command"] == Base(kind, number).command
    lifted = {skill for skill, lift in card["lift_by_skill"].items() if lift >= 0.2}
    assert lifted == set(card["learnable"])


@pytest.mark.parametrize(
    ("accuracy", "learnable", "message"),
    [(0.9, 8, "0.9, outside 0.3 to 0.8"), (0.1, 8, "0.1, outside"), (0.5, 3, "3 skills can be")],
)
def test_a_base_of_no_use_is_told_of(accuracy: float, learnable: int, message: str) -> None:
    """Of 18 skills four have to be learnable: three of sixteen, rounded up."""
    facts = {
        "val_accuracy": accuracy,
        "val_accuracy_by_skill": dict.fromkeys(range(18), accuracy),
        "learnable": ["a"] * learnable,
    }
    found = fault(facts)
    assert found is not None
    assert message in found
    assert fault({**facts, "val_accuracy": 0.5, "learnable": ["a"] * 4}) is None


def test_the_bases_that_ship_are_small() -> None:
    for name, count in BASES.items():
        sizes = [f.stat().st_size for n in range(count) for f in base_folder(name, n).iterdir()]
        assert sum(sizes) < 10e6


def test_the_vocabulary_has_every_character_of_the_task() -> None:
    task = ArithmeticAndStrings()
    texts = (
        text
        for split in ("train", "val", "test")
        for e in task.examples(split)
        for text in (e.prompt, e.target)
    )
    assert set("".join(texts)) <= set(CHARACTERS)


def test_pieces_of_words_say_every_text_and_digits_stand_alone() -> None:
    """What was learned from is few tokens; what was not is the bytes of its characters."""
    texts = [t for e in WordProblems().examples("val") for t in (e.prompt, e.target)]
    tokenizer = make_subword_tokenizer(texts, 1024)
    told = "Ann has 12 pens.\n12-5=7\n#### 7"
    pieces = [tokenizer.decode([i]) for i in tokenizer(told)["input_ids"]]
    assert {"1", "2", " pens", "####"} <= set(pieces)
    assert len(pieces) == 18
    for text in (told, "".join(map(chr, range(32, 127))), "a£5½\n\t", "√2 → 日本 😀"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids


def test_small_is_small_and_holds_the_longest_problems() -> None:
    """One to four million parameters, and prompt and answer within a context of 256 and more."""
    from teachgym.benchmarks.models.pretrain import make_student

    task = WordProblems(val_per_cell=1, test_per_cell=5, train_per_cell=10)
    student = make_student(SMALL, SMALL.tokenizer(task), 0)
    assert 1e6 < sum(p.numel() for p in student.model.parameters()) < 4e6
    assert SMALL.model["max_position_embeddings"] >= 256
    items = task.examples("test")
    targets = student.encode([e.target for e in items])
    assert max(map(len, targets)) < SMALL.max_new_tokens
    prompts = student.encode([e.prompt for e in items])
    assert max(map(len, prompts)) + SMALL.max_new_tokens < 256


@pytest.mark.slow
def test_equal_seeds_make_equal_students_and_training_lowers_the_loss() -> None:
    def base(examples: int) -> Base:
        return Base(replace(TINY, examples=examples), 1)

    first, loss = pretrain(base(128))
    second, _ = pretrain(base(128))
    assert first.save() == second.save()
    _, longer = pretrain(base(480))
    assert longer < loss


@pytest.mark.slow
def test_the_command_writes_a_student_with_its_cards(pretrained: Callable[..., Path]) -> None:
    folder = pretrained("tiny", "--examples", "64", "--base", "3", items=1)
    card = json.loads((folder / "card.json").read_text())
    assert (card["examples"], card["base"]) == (64, 3)
    assert card["weights"] == draw_weights(NAMES, 3, HALF)
    assert card["learnable"] == []
    assert set(card["val_accuracy_by_skill"]) == set(card["weights"])
    text = (folder / "README.md").read_text()
    assert "license: apache-2.0" in text
    assert "pretrain tiny --tasks arithmetic-and-strings --base 3 --examples 64" in text
    assert all(f"| {p.name} |" in text for p in PRIMITIVES)
    student = LanguageModelStudent.load(str(folder), device="cpu")
    assert len(student.generate([Prompt("rotl abcd=")])) == 1
