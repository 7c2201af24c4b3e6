"""Bandits and box algorithms as teachers: what they order, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from teachgym.agents.bandits.teacher import BanditTeacher
from teachgym.agents.context import Cells
from teachgym.agents.progress.box_teacher import BoxTeacher
from teachgym.errors import ConfigError
from tests.agents.worlds import list_observation, transition

CELLS = Cells(("add", "sort"), (0.0, 1.0))


class ScriptedBandit:
    """Plays given arms and remembers what it is told."""

    def __init__(self, arms: Sequence[int]) -> None:
        self.arms = np.array(arms)
        self.contexts = np.empty(0)
        self.told: dict[int, float] = {}

    def select(self, k: int, contexts: np.ndarray) -> np.ndarray:
        self.contexts = contexts
        return self.arms

    def update(self, arms: np.ndarray, rewards: np.ndarray) -> None:
        self.told = dict(zip(arms.tolist(), rewards.tolist(), strict=True))


class ScriptedSampler:
    """Proposes given points and remembers what it is told."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.points = [np.array(p) for p in points]
        self.told: list[tuple[list[float], float]] = []

    def sample(self) -> np.ndarray:
        return self.points.pop(0)

    def update(self, point: np.ndarray, reward: float) -> None:
        self.told.append((point.tolist(), round(reward, 6)))


def bandit_teacher(bandit: ScriptedBandit, **settings: Any) -> BanditTeacher:
    return BanditTeacher(CELLS, lambda n_arms, rng: bandit, slots=len(bandit.arms), **settings)


BEFORE = list_observation([[0.5, 0.5], [0.2, 0.0]])
AFTER = list_observation([[0.6, 0.6], [0.2, 0.2]])


def test_each_play_of_a_skill_orders_an_equal_share_of_all_its_levels() -> None:
    """Add twice, sort once, each over two levels: 2/3 / 2 and 1/3 / 2."""
    action = bandit_teacher(ScriptedBandit([0, 1, 0])).act(BEFORE)
    np.testing.assert_allclose(action, [[1 / 3, 1 / 3], [1 / 6, 1 / 6]], rtol=1e-6)


def test_each_play_of_a_cell_orders_that_cell() -> None:
    action = bandit_teacher(ScriptedBandit([3, 3, 0]), arms="cell").act(BEFORE)
    np.testing.assert_allclose(action, [[1 / 3, 0], [0, 2 / 3]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "arms", "told"),
    [
        ({}, [0, 1], {0: 0.75, 1: 0.75}),
        ({"span": 0.1}, [0, 1], {0: 1.0, 1: 1.0}),
        ({"arms": "cell"}, [0, 2, 3], {0: 0.75, 2: 0.75, 3: 0.75}),
        ({"arms": "cell", "credit": "cell", "span": 0.4}, [0, 2, 3], {0: 0.625, 2: 0.5, 3: 0.75}),
    ],
)
def test_rewards_are_gains_on_a_scale_where_one_half_is_no_change(
    settings: dict[str, Any], arms: list[int], told: dict[int, float]
) -> None:
    """Both skills gain 0.1 in all: (0.1 / 0.2 + 1) / 2 = 0.75, and with a span of 0.1 it is 1.

    Cell by cell the gains are 0.1, 0.1 and 0, 0.2; with a span of 0.4: 0.625, 0.5 and 0.75.
    """
    bandit = ScriptedBandit(arms)
    teacher = bandit_teacher(bandit, **settings)
    teacher.act(BEFORE)
    teacher.observe(transition(BEFORE, AFTER))
    assert bandit.told == pytest.approx(told)


def test_arms_that_were_not_measured_are_not_paid() -> None:
    bandit = ScriptedBandit([0, 1])
    teacher = bandit_teacher(bandit)
    teacher.act(BEFORE)
    teacher.observe(transition(BEFORE, list_observation([[0.5, 0.5], [0, 0]], [[10, 10], [0, 0]])))
    assert bandit.told == pytest.approx({0: 0.5})


def test_contexts_are_accuracy_error_level_and_an_indicator_of_the_arm() -> None:
    """Skills pool twenty items; their level is the mean level, 1/2."""
    bandit = ScriptedBandit([0])
    bandit_teacher(bandit).act(BEFORE)
    stderr_sort = (10 * 0.2 * 0.8) ** 0.5 / 20
    expected = [[0.5, (1 / 80) ** 0.5, 0.5, 1, 0], [0.1, stderr_sort, 0.5, 0, 1]]
    np.testing.assert_allclose(bandit.contexts, expected, rtol=1e-6)
    bandit_teacher(bandit, arms="cell").act(BEFORE)
    assert bandit.contexts.shape == (4, 7)
    assert bandit.contexts[:, 2].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"credit": "cell"}, "credit='cell' needs arms='cell'"),
        ({"arms": "level"}, "unknown arms 'level'. Known: cell, skill"),
        ({"span": 0}, "span is 0; it must be"),
    ],
)
def test_bandit_teacher_refuses_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bandit_teacher(ScriptedBandit([0]), **settings)


def test_points_become_cells_and_the_upper_border_belongs_to_the_last() -> None:
    points = [(0.1, 0.2), (0.9, 0.4), (1.5, 0.7), (2.0, 1.0)]
    teacher = BoxTeacher(CELLS, lambda sides, rng: ScriptedSampler(points), slots=4)
    assert teacher.act(BEFORE).tolist() == [[0.5, 0], [0, 0.5]]


@pytest.mark.parametrize(("credit", "accuracy"), [("cell", 0.2), ("skill", 0.1)])
def test_each_cell_drawn_is_reported_once_at_its_centre(credit: Any, accuracy: float) -> None:
    sampler = ScriptedSampler([(1.9, 0.1), (1.2, 0.3), (0.5, 0.9)])
    teacher = BoxTeacher(CELLS, lambda sides, rng: sampler, slots=3, credit=credit)
    teacher.act(AFTER)
    teacher.observe(transition(AFTER, BEFORE))
    assert sampler.told == [([1.5, 0.25], accuracy), ([0.5, 0.75], 0.5)]


def test_what_was_not_measured_is_not_reported() -> None:
    sampler = ScriptedSampler([(0.5, 0.1)])
    teacher = BoxTeacher(CELLS, lambda sides, rng: sampler, slots=1)
    teacher.act(BEFORE)
    teacher.observe(transition(BEFORE, list_observation([[0, 0], [0, 0]], 0)))
    assert sampler.told == []
