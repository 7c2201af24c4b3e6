"""Rounding: exact sums, counts next to their shares, and an expectation that *is* the share."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.apportion import apportion, divide_evenly, scale_down
from teachgym.envs.restart import training_set
from teachgym.loop import run_episode
from teachgym.testing import ToyTask

amounts = st.lists(st.floats(0, 400, width=32), max_size=40) | st.lists(
    st.integers(0, 10**12).map(float), max_size=8
)
seeds = st.integers(0, 2**32)


class Told(np.random.Generator):
    """A generator that draws what it is told: one order, one start of the ruler."""

    def __init__(self, order: tuple[int, ...], start: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.order, self.start = order, start

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """The order."""
        return np.array(self.order)

    def random(self, *_: Any, **__: Any) -> Any:
        """The start."""
        return self.start


@given(
    parts=st.lists(st.integers(0, 11), min_size=1, max_size=4),
    whole=st.integers(1, 7),
    data=st.data(),
)
def test_the_mean_over_everything_that_can_be_drawn_is_the_share(
    parts: list[int], whole: int, data: st.DataObject
) -> None:
    """Shares in units of 1/whole: every order, and every start between two marks of 1/whole.

    Within such a stretch of starts nothing changes, so the mean over the stretches is exact. A
    limit scales the shares, whose unit is then 1 / (whole asked).
    """
    limit = data.draw(st.integers(1, 12))
    asked = Fraction(sum(parts), whole)
    scale = min(Fraction(1), limit / asked) if asked else Fraction(1)
    exact = [Fraction(part, whole) * scale for part in parts]
    unit = np.lcm.reduce([share.denominator for share in exact])
    total = np.zeros(len(parts), dtype=np.int64)
    orders = list(permutations(range(len(parts))))
    for order in orders:
        for stretch in range(unit):
            rng = Told(order, (stretch + 0.5) / unit)
            total += apportion([part / whole for part in parts], limit, rng)
    assert [Fraction(int(n), len(orders) * int(unit)) for n in total] == exact


@given(amounts, st.integers(0, 1000), seeds)
def test_counts_add_up_and_are_their_shares_rounded_down_or_up(
    wanted: list[float], limit: int, seed: int
) -> None:
    counts = apportion(wanted, limit, np.random.default_rng(seed))
    exact = scale_down(wanted, limit)
    total = float(exact.sum())
    assert abs(counts.sum() - total) < 1 + 1e-2
    if abs(total - round(total)) < 1e-4:
        assert counts.sum() == round(total)
    assert counts.sum() <= limit
    assert (np.abs(counts - exact) < 1 + 1e-2).all()
    assert (counts[exact == 0] == 0).all()
    assert (counts == apportion(wanted, limit, np.random.default_rng(seed))).all()


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 50), seeds)
def test_whole_numbers_within_the_limit_stay_as_they_are(
    wanted: list[int], more: int, seed: int
) -> None:
    counts = apportion(wanted, sum(wanted) + more, np.random.default_rng(seed))
    assert counts.tolist() == wanted


@given(st.integers(0, 1000), st.integers(1, 12), seeds)
def test_dividing_evenly_is_exact(total: int, parts: int, seed: int) -> None:
    divided = divide_evenly(total, parts, np.random.default_rng(seed))
    assert divided.sum() == total
    assert divided.max() - divided.min() <= 1


@given(st.integers(1, 200), st.integers(1, 97), seeds)
def test_float32_shares_of_a_whole_step_fill_it(step: int, cells: int, seed: int) -> None:
    """Cells that share a step equally in 32-bit floats order all of it, and no more."""
    shares = np.full(cells, 1 / cells, dtype=np.float32)
    assert apportion(shares * np.float32(step), step, np.random.default_rng(seed)).sum() == step


def test_negative_amounts_and_none_at_all_are_nothing() -> None:
    rng = np.random.default_rng(0)
    assert apportion([-5.0, 0.2], 0, rng).sum() == 0
    assert apportion([-5.0, 3.0], 10, rng).tolist() == [0, 3]
    assert apportion([], 10, rng).tolist() == []


def test_small_shares_are_not_starved_for_ever() -> None:
    """A tenth of 250 over 96 cells is 0.26 each: largest remainders would give them nothing.

    Cell 0 has the other 225. Over 2,000 roundings the 95 other cells get 24.74 a time; the sum of
    the others is 24 or 25, so its mean has a standard deviation below 0.5 / sqrt(2000) = 0.011.
    """
    rng, shares = np.random.default_rng(1), np.full(96, 25 / 96)
    shares[0] += 225
    others = [apportion(shares, 250, rng)[1:].sum() for _ in range(2000)]
    assert np.mean(others) == pytest.approx(25 * 95 / 96, abs=4.5 * 0.011)


def test_exploration_delivers_its_share_at_every_step_of_an_episode() -> None:
    """Exploration 0.1 of steps of 96 on 96 cells: 9.5 of 96 examples outside the one in focus."""
    env: Any = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
        examples_per_step=96,
        budget={"steps": 60},
    )
    env.reset(seed=0)
    action = np.full(env.action_space.shape, 0.1 / 96, np.float32)
    action[3, 1] += 0.9
    outside = 0
    for _ in range(60):
        plan = env.step(action)[4]["plan"]
        assert plan.total == 96
        focus = (env.get_wrapper_attr("skills")[3], env.get_wrapper_attr("levels")[1])
        outside += sum(o.count for o in plan.orders if (o.skill, o.difficulty) != focus)
    # Each step has 9 or 10 outside: a standard deviation of 0.5 at most, 3.9 over 60 steps.
    assert outside / 60 == pytest.approx(9.5, abs=4.5 * 3.9 / 60)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", ["uniform-tree", "random-tree", "alternating", "constant-tree"])
@pytest.mark.parametrize("settings", [{}, {"max_subskills": 3}, {"examples_per_step": 77}])
def test_tree_teachers_order_all_of_every_step(name: str, settings: dict[str, Any]) -> None:
    env: Any = gym.make(
        "teachgym/SkillTree-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
        budget={"steps": 5},
        **settings,
    )
    episode = run_episode(env, make_teacher(name, env), seed=3)
    size = settings.get("examples_per_step", 250)
    assert [t.info["plan"].total for t in episode.transitions] == [size] * 5


def test_the_replayed_share_is_right_on_average_however_small_the_step() -> None:
    """One new example at a share of 0.3: 3/7 of an earlier one. sd 0.49 / sqrt(2000) = 0.011."""
    examples = tuple(ToyTask().examples("train"))[:8]
    rng = np.random.default_rng(0)
    sizes = [
        len(training_set("continue", examples[:1], examples[1:], 0.3, rng)) - 1 for _ in range(2000)
    ]
    assert np.mean(sizes) == pytest.approx(3 / 7, abs=4.5 * 0.011)
