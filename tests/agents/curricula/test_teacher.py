"""Rules as teachers: what they are shown, and what becomes of their shares."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher
from teachgym.agents.context import Cells
from teachgym.agents.curricula.teacher import CurriculumTeacher, MixingTeacher
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Items
from tests.agents.worlds import list_observation

CELLS = Cells(("add", "sort"), (0.0, 1.0))
SEEN = list_observation([[0.5, 0.7], [0.0, 0.2]])


class Scripted:
    """Plans given shares, and remembers what it is shown."""

    def __init__(self, *shares: float) -> None:
        self.shares = np.array(shares)
        self.names: tuple[str, ...] = ()
        self.shown: list[list[float]] = []

    def __call__(self, names: Any, rng: np.random.Generator) -> Scripted:
        self.names = names
        return self

    def plan(self, measured: np.ndarray) -> np.ndarray:
        self.shown.append(measured.round(6).tolist())
        return self.shares


def test_a_skill_is_shown_pooled_and_ordered_at_all_levels_alike() -> None:
    rule = Scripted(0.75, 0.25)
    action = CurriculumTeacher(CELLS, rule).act(SEEN)
    assert (rule.names, rule.shown) == (("add", "sort"), [[0.6, 0.1]])
    np.testing.assert_allclose(action, [[0.375, 0.375], [0.125, 0.125]])


def test_a_cell_is_shown_and_ordered_by_itself() -> None:
    rule = Scripted(0.1, 0.2, 0.3, 0.4)
    action = CurriculumTeacher(CELLS, rule, arms="cell").act(SEEN)
    assert rule.names == ("add@0", "add@1", "sort@0", "sort@1")
    assert rule.shown == [[0.5, 0.7, 0.0, 0.2]]
    np.testing.assert_allclose(action, [[0.1, 0.2], [0.3, 0.4]], rtol=1e-6)


def test_what_is_not_measured_keeps_what_is_known_or_has_the_mean() -> None:
    """First only add is measured, 0.5, which is the mean; then only sort; then nothing."""
    rule = Scripted(0.5, 0.5)
    teacher = CurriculumTeacher(CELLS, rule)
    n = [[10, 10], [0, 0]]
    for seen in (
        list_observation([[0.5, 0.5], [0, 0]], n),
        list_observation([[0, 0], [0.3, 0.3]], n[::-1]),
        list_observation([[0, 0], [0, 0]], 0),
    ):
        teacher.act(seen)
    assert rule.shown == [[0.5, 0.5], [0.5, 0.3], [0.5, 0.3]]
    teacher.reset(0)
    teacher.act(list_observation([[0, 0], [0, 0]], 0))
    assert rule.shown[-1] == [0, 0]


def test_the_loss_is_the_share_of_wrong_answers() -> None:
    rule = Scripted(0.5, 0.5)
    MixingTeacher(CELLS, rule).act(SEEN)
    assert rule.shown == [[0.4, 0.9]]


class Probes:
    """Three items of val; the log-probability of each token is minus the item's place."""

    labels_ = (("add", 0.0), ("sort", 1.0), ("add", 1.0), ("rest", 0.0))

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.poor = False

    def labels(self, items: Items) -> Any:
        return self.labels_

    def logprobs(self, items: Items) -> Any:
        if self.poor:
            raise BudgetError("no tokens are left")
        self.asked.append(items.places)
        return [np.full(place + 1, -float(place)) for place in items.places or ()]


def test_losses_in_nats_are_the_mean_over_tokens_of_the_items_of_an_arm() -> None:
    """Add has one token of 0 and three of 2: 6/4; sort has tokens of 1. One item each: 0 and 1."""
    probes: Any = Probes()
    rule = Scripted(0.5, 0.5)
    cells = Cells(CELLS.skills, CELLS.levels, probes)
    teacher = MixingTeacher(cells, rule, items=2)
    teacher.act(SEEN)
    MixingTeacher(cells, rule, items=1).act(SEEN)
    assert (rule.shown, probes.asked) == ([[1.5, 1], [0, 1]], [(0, 2, 1), (0, 1)])
    probes.poor = True
    teacher.act(SEEN)
    assert rule.shown[-1] == [1.5, 1]
    by_cell = Scripted(0.25, 0.25, 0.25, 0.25)
    probes.poor = False
    MixingTeacher(cells, by_cell, arms="cell", items=2).act(SEEN)
    assert by_cell.shown == [[0, 2, 1, 1]]  # sort@0 has no item: the mean of the others.


def test_probed_losses_are_paid_for() -> None:
    """Two answers of each of 32 skills are scored before each of two steps."""
    spent = []
    for items in (0, 2):
        env = gym.make(
            "teachgym/SkillList-v0",
            student="simulated",
            budget={"steps": 2},
            examples_per_step=100,
            task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        )
        run_episode(env, make_teacher("odm", env, items=items), seed=0)
        spent.append(env.get_wrapper_attr("ledger").spent.generated_tokens)
    assert spent[1] > spent[0] + 2 * 2 * 32


def test_nats_need_a_student_that_can_be_probed() -> None:
    with pytest.raises(ConfigError, match="items is 3; here no student can be probed"):
        MixingTeacher(CELLS, Scripted(1, 0), items=3)
