"""Rehearsal: what the untrained student knows is trained on beside what is new to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import teachgym
from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.envs.rehearsal import known_examples, rehearsed
from teachgym.errors import ConfigError
from teachgym.evaluation import GenerateAndGrade
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Data, Example, TrainResult

TASK = ToyTask()
TRAIN = TASK.examples("train")
KNOWN_SKILL, NEW_SKILL = TRAIN[0].skill, TRAIN[-1].skill
NEW = tuple(e for e in TRAIN if e.skill == NEW_SKILL)


class Telling(RecordingTrainer):
    """Says that the loss of ``NEW[i]`` is i, and that of what is not new -1."""

    def train(self, student: TableStudent, data: Data, rng: np.random.Generator) -> TrainResult:
        """Train, and say these losses."""
        losses = tuple(float(NEW.index(e)) if e in NEW else -1.0 for e in map(plain, data))
        return replace(super().train(student, data, rng), losses=losses)


def plain(example: Example) -> Example:
    """An example without the stamp of its step."""
    return next((e for e in NEW if e.identity == example.identity), example)


class NoPool(ToyTask):
    """The toy task without examples for training."""

    def examples(self, split: Any) -> Any:
        """Those of the other splits."""
        return () if split == "train" else super().examples(split)


def make(task: ToyTask = TASK, *, taught: int = 60, **rules: Any) -> TeacherEnv:
    """An environment whose untrained student knows much of one skill and nothing of others."""
    student, trainer = TableStudent(), Telling()
    lesson = tuple(e for e in TRAIN if e.skill == KNOWN_SKILL)[:1] * taught
    trainer.train(student, lesson, np.random.default_rng(0))
    trainer.calls.clear()
    chosen = EpisodeRules(**{"budget": Budget(steps=9), "examples_per_step": 8, **rules})
    return TeacherEnv(task, student, trainer, GenerateAndGrade(), rules=chosen)


def trained_on(env: TeacherEnv) -> list[Counter[str]]:
    """How many examples of each skill each training run had."""
    trainer: Any = env.trainer
    return [Counter(e.skill for e in call) for call in trainer.calls]


@pytest.mark.parametrize(
    ("rules", "rehearsed"),
    [
        ({"rehearsal": 1.5}, [6, 6, 6]),
        ({"rehearsal": 0.3}, [1, 1, 1]),  # 1.2 of four
        ({"rehearsal": 1.0, "training": "scratch"}, [4, 8, 12]),
        ({"rehearsal": 1.0, "training": "batch"}, [4, 4, 4]),
        ({"rehearsal": 1.0, "replay": 0.5}, [4, 8, 8]),
        ({}, [0, 0, 0]),
    ],
)
def test_for_each_example_so_many_are_trained_on_that_the_untrained_student_knew(
    rules: dict[str, Any], rehearsed: list[int]
) -> None:
    env = make(**rules)
    env.reset(seed=0)
    for start in (0, 4, 8):
        *_, info = env.step(NEW[start : start + 4])
        assert info["data"] == env.state.data[-4:]
        assert info["losses"] == tuple(float(i) for i in range(start, start + 4))
    assert [counts[KNOWN_SKILL] for counts in trained_on(env)] == rehearsed
    assert all(set(counts) <= {KNOWN_SKILL, NEW_SKILL} for counts in trained_on(env))


def test_rehearsal_is_paid_for_in_training_tokens_alone() -> None:
    """Eight questions and answers of equal length cost twice what four do."""
    costs = []
    for rehearsal in (0.0, 1.0):
        env = make(rehearsal=rehearsal)
        env.reset(seed=0)
        *_, info = env.step(NEW[:4])
        costs.append(info["cost"])
        trainer: Any = env.trainer
        assert info["cost"].train_tokens == trainer.cost(env.student, trainer.calls[0]).train_tokens
    without, with_it = costs
    assert with_it.train_tokens > without.train_tokens
    assert (with_it.examples, with_it.generated_tokens) == (4, without.generated_tokens)


def test_a_limit_of_training_tokens_counts_what_is_rehearsed() -> None:
    env = make(rehearsal=1.0, budget=Budget(steps=3, train_tokens=60))
    env.reset(seed=0)
    *_, info = env.step(NEW[:8])
    assert env.rules.budget.allows(env.spent)
    assert 0 < len(info["data"]) < 8
    assert {v.reason for v in info["rejected"]} == {"budget"}


def test_what_is_rehearsed_depends_on_the_seed_and_the_step_alone() -> None:
    def calls(order: slice) -> list[tuple[Example, ...]]:
        env = make(rehearsal=2.0)
        env.reset(seed=3)
        env.step(NEW[order])
        env.step(NEW[8:12])
        trainer: Any = env.trainer
        return [call[4:] for call in trainer.calls]

    once = calls(slice(0, 4))
    assert once == calls(slice(4, 8))
    assert once[0] != once[1]


def test_the_untrained_student_is_asked_and_the_student_is_left_as_it_is() -> None:
    env = make()
    env.reset(seed=0)
    before = known_examples(env)
    assert {e.skill for e in before} == {KNOWN_SKILL}
    env.step(NEW[:8])
    now = env.student.save()
    assert known_examples(env) == before
    assert all(np.array_equal(now.arrays[k], a) for k, a in env.student.save().arrays.items())


@pytest.mark.parametrize(
    ("task", "taught", "message"),
    [
        (NoPool(), 60, "takes examples of the task's pool, and 'toy-v0' has none"),
        (TASK, 0, "answers none of 160 examples of the task's pool right"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_in_words(
    task: ToyTask, taught: int, message: str
) -> None:
    env = make(task, taught=taught)
    with pytest.raises(ConfigError, match=message):
        known_examples(env)


def test_a_step_that_cannot_rehearse_is_undone() -> None:
    env = make(taught=0, rehearsal=1.0)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="leave rehearsal out"):
        env.step(NEW[:4])
    assert (env.state.step, trained_on(env)) == (0, [])


def test_a_negative_rehearsal_is_refused() -> None:
    with pytest.raises(ConfigError, match="rehearsal is -1"):
        EpisodeRules(rehearsal=-1.0)


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=2), seed=st.integers(0, 99))
def test_fewer_are_the_first_of_more_and_all_come_before_any_comes_again(
    counts: list[int], seed: int
) -> None:
    """So that what a budget allows can be searched by halves."""
    few, many = (rehearsed(TRAIN[:7], n, np.random.default_rng(seed)) for n in sorted(counts))
    assert (len(few), len(many)) == tuple(sorted(counts))
    assert many[: len(few)] == few
    often = Counter(e.identity for e in many)
    assert max(often.values(), default=0) - min(often[e.identity] for e in TRAIN[:7]) <= 1


def test_it_is_a_setting_of_every_environment() -> None:
    for name in teachgym.ENV_IDS:
        assert gym.make(name, student="simulated", rehearsal=0.5).unwrapped.rules.rehearsal == 0.5
