"""Orders as the action: examples per skill and level instead of the examples themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.envs.base import TeacherEnv
from teachgym.envs.boxes import unit_box
from teachgym.protocols import DataEngine
from teachgym.types import Order, Plan, Report


def round_counts(amounts: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """Whole numbers of the same shape that sum to ``min(limit, round(sum of amounts))``.

    Amounts that sum to more than ``limit`` are scaled down in proportion; then the largest
    remainders are rounded up until the sum is right (Hamilton's method; the first cell wins a
    tie). Negative amounts count as 0.

    Example:
        >>> round_counts(np.array([1.5, 0.9, 0.6]), 10).tolist()
        [1, 1, 1]
        >>> round_counts(np.array([30.0, 10.0]), 4).tolist()
        [3, 1]
    """
    wanted = np.clip(np.asarray(amounts, dtype=np.float64), 0, None)
    asked = wanted.sum()
    total = min(limit, int(np.floor(asked + 0.5)))
    if asked == 0 or total == 0:
        return np.zeros(wanted.shape, dtype=np.int64)
    exact = (wanted * (total / asked)).ravel()
    counts = np.floor(exact).astype(np.int64)
    # Shares are 32-bit floats: 2.9999 stands for 3.
    near = np.rint(exact)
    counts = np.where(np.abs(exact - near) < 1e-3, near, counts).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: total - int(counts.sum())]] += 1
    rounded: NDArray[np.int64] = counts.reshape(wanted.shape)
    return rounded


def plan_from_counts(
    counts: NDArray[np.int64], skills: Sequence[str], levels: Sequence[float]
) -> Plan:
    """One order per non-empty cell of ``counts``, shape (n_skills, n_levels)."""
    return Plan(
        tuple(
            Order(skills[s], int(counts[s, level]), levels[level])
            for s, level in np.argwhere(counts > 0)
        )
    )


def teach(
    env: gym.Env[Report, Any], engine: DataEngine, plan: Plan
) -> tuple[Report, float, bool, bool, dict[str, Any]]:
    """Have the engine fill the plan and step the base environment with the result."""
    base = env.unwrapped
    assert isinstance(base, TeacherEnv)
    data = engine.generate(plan, base.rng("data")) if plan.total else ()
    report, reward, terminated, truncated, info = env.step(data)
    return report, float(reward), terminated, truncated, {**info, "plan": plan}


class OrderExamples(gym.Wrapper[Any, Any, Any, Any]):
    """Action wrapper: ``action[s, l]`` = share of the step for skill ``s`` at level ``l``.

    1 stands for ``examples_per_step`` examples. Counts are rounded and, above what the step or
    the budget allows in total, scaled down in proportion (``round_counts``). ``info["plan"]`` is
    what was ordered. All zeros is a legal action: a step without training.
    """

    def __init__(self, env: gym.Env[Report, Any], engine: DataEngine) -> None:
        super().__init__(env)
        base = env.unwrapped
        assert isinstance(base, TeacherEnv)
        self._base = base
        self.engine = engine
        self.skills, self.levels = base.skills, base.levels
        self.examples_per_step = base.rules.examples_per_step
        self.action_space = unit_box(len(self.skills), len(self.levels))

    def step(self, action: NDArray[np.float32]) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        """Order, then step."""
        amounts = np.asarray(action, dtype=np.float64) * self.examples_per_step
        counts = round_counts(amounts, self._base.examples_available)
        return teach(self.env, self.engine, plan_from_counts(counts, self.skills, self.levels))
