"""Bandits and box algorithms as teachers: what they order, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from teachgym.agents.bandits.teacher import BanditTeacher
from teachgym.agents.context import Cells
from teachgym.agents.progress.alp_gmm import ALPGMM
from teachgym.agents.progress.box_teacher import BoxTeacher
from teachgym.errors import ConfigError
from teachgym.types import Obs
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
        self.began: list[tuple[list[float], float]] = []
        self.told: list[tuple[list[float], float]] = []

    def sample(self) -> np.ndarray:
        return self.points.pop(0)

    def begin(self, point: np.ndarray, reward: float) -> None:
        self.began.append((point.tolist(), round(reward, 6)))

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
    assert sampler.told == sampler.began == []


def test_a_cell_begins_with_the_accuracy_before_its_first_step_and_only_once() -> None:
    """Sort has 0.1 over its levels before the first step and 0.2 before the second."""
    sampler = ScriptedSampler([(1.9, 0.1), (0.5, 0.9), (1.9, 0.1), (1.9, 0.9)])
    teacher = BoxTeacher(CELLS, lambda sides, rng: sampler, slots=2)
    for before, after in ((BEFORE, AFTER), (AFTER, BEFORE)):
        teacher.act(before)
        teacher.observe(transition(before, after))
    assert sampler.began == [([1.5, 0.25], 0.1), ([0.5, 0.75], 0.5), ([1.5, 0.75], 0.2)]
    told = [([1.5, 0.25], 0.2), ([0.5, 0.75], 0.6), ([1.5, 0.25], 0.1), ([1.5, 0.75], 0.1)]
    assert sampler.told == told


FOUR = Cells(("add", "sort", "first", "rev"), (0.0, 1.0))


def progress_of(credit: Any, *seen: Obs) -> list[list[float]]:
    """Rows (skill, level, ALP), in the order of the reports of ``alp-gmm``."""
    teacher = BoxTeacher(FOUR, ALPGMM, slots=60, credit=credit)
    for before, after in pairwise(seen):
        teacher.act(before)
        teacher.observe(transition(before, after))
    sampler: Any = teacher.sampler
    return [row.tolist() for row in sampler._latest]


@pytest.mark.parametrize("credit", ["skill", "cell"])
def test_a_student_that_learns_nothing_makes_no_progress_anywhere(credit: Any) -> None:
    """However far its skills and levels are apart."""
    same = list_observation([[0.9, 0.5], [0.2, 0.0], [0.6, 0.4], [1.0, 0.7]])
    rows = progress_of(credit, same, same, same)
    assert len(rows) == 16
    assert all(progress == 0 for *_, progress in rows)


RISING = (0.2, 0.5, 0.6)


def test_progress_from_the_untrained_student_counts() -> None:
    """Add rises from 0.2 to 0.5 in its first step, then to 0.6; the others stay where they were."""
    steps = [list_observation([[add] * 2, [0.8] * 2, [0.1] * 2, [0.9] * 2]) for add in RISING]
    rows = progress_of("skill", *steps)
    assert len({(skill, level) for skill, level, _ in rows}) == 8
    for place, (skill, _, progress) in enumerate(rows):
        rise = 0.3 if place < 8 else 0.1
        assert progress == pytest.approx(rise if skill < 1 else 0.0)
