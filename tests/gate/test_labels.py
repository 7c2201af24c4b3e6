"""A label is not believed where the task knows the skill of a prompt."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.gate import Gate
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.sources import find_skills
from teachgym.students import make_student
from teachgym.students.simulated import SimulatedStudent
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.types import Example, leaf_skills

TASK = ArithmeticAndStrings(train_per_cell=10, val_per_cell=2, test_per_cell=2)
LEAVES = leaf_skills(TASK.skills)
GATE = Gate(TASK)
skills = st.sampled_from(LEAVES)
seeds = st.integers(0, 2**32 - 1)


def made(skill: str, seed: int) -> Example:
    return TASK.make(skill, None, np.random.default_rng(seed))


@given(own=skills, label=skills, seed=seeds)
def test_a_wrong_label_is_vetoed_and_a_right_one_is_not(own: str, label: str, seed: int) -> None:
    result = GATE.inspect([replace(made(own, seed), skill=label)])
    reasons = {v.reason for v in result.rejected}
    assert reasons <= ({"overlap"} if own == label else {"label", "overlap"})
    if own != label:
        assert result.accepted == ()


def test_copies_under_every_label_are_copies() -> None:
    """36 copies under each of 32 labels: those under ``copy`` may pass, and no other does."""
    words = sorted({made("copy", seed).target for seed in range(60)})[:36]
    data = [Example(f"copy {w}=", w, label) for label in LEAVES for w in words]
    result = GATE.inspect(data)
    assert {e.skill for e in result.accepted} == {"copy"}
    assert result.counts["label"] >= 31 * 35


@pytest.mark.sweep(3)
@pytest.mark.parametrize("source", ["roots", "one", "opaque", "shuffled", "clusters-4"])
def test_under_other_skills_what_is_made_for_one_may_bear_its_label(source: str) -> None:
    task = Relabelled(TASK, find_skills(source, TASK))
    rng = np.random.default_rng(0)
    leaves = leaf_skills(task.skills)
    data = [task.make(leaf, None, rng) for leaf in leaves for _ in range(max(3, 60 // len(leaves)))]
    assert Gate(task).inspect(data).counts["label"] == 0


@pytest.mark.parametrize("source", ["roots", "opaque"])
def test_under_other_skills_a_label_of_none_of_its_kind_is_vetoed(source: str) -> None:
    task = Relabelled(TASK, find_skills(source, TASK))
    gate = Gate(task)
    leaves = leaf_skills(task.skills)
    data = [task.make(leaf, None, np.random.default_rng(3)) for leaf in leaves]
    moved = [
        replace(e, skill=other) for e, other in zip(data, (*leaves[1:], leaves[0]), strict=True)
    ]
    assert gate.inspect(moved).accepted == ()


@given(own=skills, label=skills, seed=seeds)
def test_a_simulated_student_learns_what_the_prompt_is_about(
    own: str, label: str, seed: int
) -> None:
    student = simulated()
    example = made(own, seed)
    forged = replace(example, skill=label, id=TASK.examples("val")[0].id)
    assert student.cells((forged,)) == student.cells((example,))


@cache
def simulated() -> SimulatedStudent:
    student = make_student("simulated", TASK)
    assert isinstance(student, SimulatedStudent)
    return student
