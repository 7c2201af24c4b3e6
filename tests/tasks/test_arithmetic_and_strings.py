"""The embedded task: answers by hand, splits that cannot meet, items that depend on nothing."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.errors import ConfigError, UnknownNameError, UnknownSkillError
from teachgym.tasks import make_task
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.tasks.procedural import draw_distinct, draw_in_split, numbers_of, split_of
from teachgym.types import Example, leaf_skills, leaves_by_root

TASK = ArithmeticAndStrings(val_per_cell=4, test_per_cell=4, train_per_cell=4)
ANSWERS = {
    "copy": ("abca", "abca"),
    "double": ("abc", "aabbcc"),
    "triple": ("ab", "aaabbb"),
    "first": ("dcba", "d"),
    "last": ("dcba", "a"),
    "odd": ("abcde", "ace"),
    "tail": ("abcd", "bcd"),
    "up": ("3120", "0123"),
    "down": ("3120", "3210"),
    "max": ("3917", "9"),
    "min": ("3917", "1"),
    "next": ("ayz", "bza"),
    "prev": ("abz", "zay"),
    "mirror": ("abz", "zya"),
    "rotl": ("abcd", "bcda"),
    "rotr": ("abcd", "dabc"),
    "rev": ("abc", "cba"),
    "swap": ("abcde", "badce"),
    "mix": ("ace,bdf", "abcdef"),
    "rep": ("abcba,bz", "azcza"),
    "revnext": ("abz", "acb"),
    "twoprev": ("bad", "aazzcc"),
    "rotnext": ("abz", "cab"),
    "tailprev": ("xab", "za"),
    "oddnext": ("abcde", "bdf"),
    "twotail": ("abc", "bbcc"),
    "less": ("12<21", "T"),
    "add": ("58+67", "125"),
    "sub": ("12-30", "-18"),
    "mod": ("1000", "1"),
    "mul": ("12*12", "144"),
    "sum97": ("abc", "56"),
}
"""Question and answer; sum97: (1*0 + 2*1 + 3*2) * 7 = 56, below 97."""


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_answers_are_those_of_the_definition(primitive: object) -> None:
    p = next(p for p in PRIMITIVES if p is primitive)
    question, answer = ANSWERS[p.name]
    assert p.answer(question) == answer


def test_the_hand_made_answers_cover_every_skill() -> None:
    assert set(ANSWERS) == {p.name for p in PRIMITIVES}
    assert len(PRIMITIVES) >= 20


def test_ties_are_not_less() -> None:
    less = next(p for p in PRIMITIVES if p.name == "less")
    assert less.answer("15<15") == "F"


@pytest.mark.parametrize(
    ("name", "undone_by"),
    [
        *(("next", "prev"), ("prev", "next"), ("rotl", "rotr"), ("rotr", "rotl")),
        *(("mirror", "mirror"), ("rev", "rev"), ("swap", "swap")),
    ],
)
def test_inverse_skills_undo_each_other(name: str, undone_by: str) -> None:
    p, inverse = (next(q for q in PRIMITIVES if q.name == n) for n in (name, undone_by))
    numbers = numbers_of(np.random.default_rng(0))
    for level in range(3):
        question = p.question(numbers, level)
        assert inverse.answer(p.answer(question)) == question


def test_composed_skills_name_skills_that_exist() -> None:
    names = {p.name for p in PRIMITIVES}
    assert {need for p in PRIMITIVES for need in p.needs} <= names
    assert any(p.needs for p in PRIMITIVES)


def test_every_root_has_several_subskills() -> None:
    groups = leaves_by_root(TASK.skills)
    assert len(groups) == 7
    assert all(len(leaves) >= 2 for leaves in groups.values())


def test_items_are_a_function_of_seed_split_and_index() -> None:
    again = ArithmeticAndStrings(val_per_cell=4, test_per_cell=4, train_per_cell=4)
    longer = ArithmeticAndStrings(val_per_cell=6)
    other = ArithmeticAndStrings(1, val_per_cell=4)
    assert again.examples("val") == TASK.examples("val")
    first = [e for e in longer.examples("val") if int(e.id.split("/")[-1]) < 4]
    assert first == list(TASK.examples("val"))
    assert other.examples("val") != TASK.examples("val")


def test_splits_cannot_meet_whatever_the_seed() -> None:
    prompts = {
        split: {
            e.prompt
            for seed in range(3)
            for e in ArithmeticAndStrings(seed, test_per_cell=5).examples(split)
        }
        for split in ("train", "val", "test")
    }
    assert not prompts["train"] & prompts["val"]
    assert not prompts["train"] & prompts["test"]
    assert not prompts["val"] & prompts["test"]


def test_training_examples_are_never_of_val_or_test_and_get_longer_with_the_level() -> None:
    rng = np.random.default_rng(0)
    for skill in leaf_skills(TASK.skills):
        lengths = []
        for difficulty in TASK.levels:
            made = [TASK.make(skill, difficulty, rng) for _ in range(30)]
            assert {split_of(e.prompt) for e in made} == {"train"}
            assert {e.difficulty for e in made} == {difficulty}
            lengths.append(np.mean([len(e.prompt) for e in made]))
        assert lengths[0] < lengths[1] < lengths[2]


def test_no_difficulty_means_any_level() -> None:
    rng = np.random.default_rng(0)
    assert {TASK.make("copy", None, rng).difficulty for _ in range(50)} == set(TASK.levels)


def test_prompts_of_a_split_are_distinct() -> None:
    prompts = [e.prompt for e in ArithmeticAndStrings().examples("test")]
    assert len(set(prompts)) == len(prompts) == len(PRIMITIVES) * 3 * 25


def test_only_the_exact_answer_is_right() -> None:
    example = Example("rotl abcd=", "bcda", "rotl")
    assert TASK.grade(example, " bcda\n") == 1
    assert TASK.grade(example, "bcd") == 0
    assert TASK.grade(example, "") == 0


def test_wrong_names_and_numbers_are_answered_with_what_is_allowed() -> None:
    with pytest.raises(UnknownSkillError, match="Did you mean 'copy'"):
        TASK.make("copi", 0.0, np.random.default_rng(0))
    with pytest.raises(UnknownSkillError, match="picking"):
        TASK.make("picking", 0.0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="val_per_cell is 0"):
        ArithmeticAndStrings(val_per_cell=0)
    with pytest.raises(UnknownNameError, match="arithmetic-and-strings"):
        make_task("arithmetic")
    with pytest.raises(ConfigError, match="vals"):
        make_task("arithmetic-and-strings", vals=3)


def test_a_skill_with_too_few_prompts_is_an_error_and_not_an_endless_loop() -> None:
    one = Example("always the same", "x", "s")
    home = split_of(one.prompt)
    away = next(s for s in ("train", "val", "test") if s != home)
    with pytest.raises(ConfigError, match="too few"):
        draw_in_split(lambda: one, away)
    with pytest.raises(ConfigError, match="only 1 different"):
        draw_distinct(lambda: one, home, 2)


@pytest.mark.parametrize("name", ANSWERS)
def test_targets_are_checked_by_solving_the_prompt(name: str) -> None:
    question, answer = ANSWERS[name]
    assert TASK.verify(Example(f"{name} {question}=", answer, name)) == 1
    assert TASK.verify(Example(f"{name} {question}=", f"{answer}x", name)) == 0


def test_every_example_of_the_task_has_a_right_target() -> None:
    for split in ("train", "val", "test"):
        assert {TASK.verify(e) for e in TASK.examples(split)} == {1.0}


@pytest.mark.parametrize(
    "prompt",
    ["", "copy", "copy abc", "kopy abc=", "add 1+2+3=", "add one+two=", "first =", "next A=",
     "mix ab=", "rep abc,b=", "max =", "mul 2=", "What is 2 + 3?"],
)  # fmt: skip
def test_what_is_no_question_has_no_right_target(prompt: str) -> None:
    assert TASK.verify(Example(prompt, "5", "add")) == 0
