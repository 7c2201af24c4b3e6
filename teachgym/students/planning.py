"""The best teaching of a simulated student: plans found on its known dynamics.

Where ``teachgym.students.dynamics`` is known, teaching is optimal control without uncertainty, and
its answer is what teachers that must find out are measured by. A plan is made once, without noise:
to plan the rest anew after each step, even from the true competences, was worth less than 0.001 of
accuracy wherever it was measured (``benchmarks/results/RESULTS.md``).

Ascent alone ends in poor optima: a skill that is far from known, or behind one that is, has hardly
any slope, so it is given up early. Hence graduated non-convexity (Blake and Zisserman 1987, "Visual
Reconstruction"): what is improved at first is the mean of ceiling * sigmoid(x / heat), in which
every competence counts, and the heat goes down to 1, where it is the accuracy. Which heat is best
differs between students, so each start has its own. The best that is found is a local optimum, and
nothing says that there is no better one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.settings import build
from teachgym.students.dynamics import (
    LOST,
    MASTERED,
    STAGES,
    UNIT,
    Dynamics,
    Stage,
    accuracy,
    advance,
    pull,
)
from teachgym.students.profile import Profile
from teachgym.types import Budget, FloatArray, leaf_skills

STARTS = 8
"""Plans that are improved side by side; the best one counts."""
ROUNDS = 400
"""Improvements of each."""
HEAT = 16.0
"""The first divisor of competences in the hottest start; in the coldest it is 1."""
COOLED = 0.8
"""Share of the rounds after which it is 1."""
PACE = 0.15
"""Step of the logarithm of a share in one improvement."""


@dataclass(frozen=True, eq=False)
class Found:
    """An allocation found by search, with the parameters of the search."""

    shares: FloatArray
    """The shares of the examples of each step, (T, S, L); every step's sum to 1."""
    value: float
    """Mean accuracy of all cells at the end, without noise."""
    episodes: int
    """Episodes that were simulated to find it."""


def plan_for(
    profile: Profile, task: Task, budget: Budget, per_step: int, *, free: bool
) -> FloatArray:
    """Shares of every step of an episode, (T, S, L), searched once in a process.

    Args:
        profile: how the student learns.
        task: what it is taught; its skills as they are when not seen through others.
        budget: limits the steps, the examples, or both.
        per_step: examples of a step.
        free: whether steps may differ.

    Raises:
        ConfigError: for a budget that limits neither steps nor examples.
    """
    if budget.steps is None and budget.examples is None:
        raise ConfigError("a plan is searched for a number of steps; limit steps or examples")
    left = math.inf if budget.examples is None else float(budget.examples)
    steps: list[float] = []
    while left > 0 and (budget.steps is None or len(steps) < budget.steps):
        steps.append(min(left, per_step))
        left -= steps[-1]
    task = task.unwrapped
    text = json.dumps(asdict(profile))
    return _searched(text, leaf_skills(task.skills), tuple(task.levels), tuple(steps), free).shares


@lru_cache(maxsize=16)
def _searched(
    profile: str,
    skills: tuple[str, ...],
    levels: tuple[float, ...],
    steps: tuple[float, ...],
    free: bool,
) -> Found:
    known = build("a profile", Profile, settings=json.loads(profile))
    dynamics = Dynamics.of(known, skills, levels)
    if not free:
        return search_constant(dynamics, steps)
    constant = _searched(profile, skills, levels, steps, False)
    return max(constant, search_plan(dynamics, steps), key=lambda found: found.value)


def search_plan(dynamics: Dynamics, steps: Sequence[float]) -> Found:
    """Search the best plan for steps of this many examples, with other shares in every step."""
    return _search(dynamics, steps, len(steps))


def search_constant(dynamics: Dynamics, steps: Sequence[float]) -> Found:
    """Search the best allocation that is the same in every step."""
    return _search(dynamics, steps, 1)


def _search(dynamics: Dynamics, steps: Sequence[float], free: int) -> Found:
    """Gradient ascent on logarithms of shares, by Adam's rule (Kingma and Ba 2015, algorithm 1).

    Squares are forgotten sooner than there (0.95 instead of 0.999): slopes shrink by orders of
    magnitude while the value cools and shares near 0, and what they once were must not slow it.

    Args:
        dynamics: of the student.
        steps: examples of each step.
        free: steps with shares of their own: all of them, or 1 for a constant allocation.
    """
    rng = np.random.default_rng(0)
    shape = (STARTS, free, *dynamics.start.shape)
    logits = rng.normal(size=shape)
    mean, square = np.zeros(shape), np.zeros(shape)
    hottest = np.geomspace(1, HEAT, STARTS)[:, None, None]
    best, best_value = np.zeros(shape[1:]), -1.0
    for number in range(1, ROUNDS + 1):
        shares = np.exp(logits - logits.max(axis=(-2, -1), keepdims=True))
        shares = shares / shares.sum(axis=(-2, -1), keepdims=True)
        plans = np.broadcast_to(shares, (STARTS, len(steps), *shape[2:]))
        heat = np.maximum(1, hottest ** (1 - number / (COOLED * ROUNDS)))
        value, slope = gradient(dynamics, steps, plans, heat)
        if value.max() > best_value:
            best, best_value = shares[value.argmax()], float(value.max())
        slope = slope if free > 1 else slope.sum(axis=1, keepdims=True)
        slope = shares * (slope - (shares * slope).sum(axis=(-2, -1), keepdims=True))
        mean, square = 0.9 * mean + 0.1 * slope, 0.95 * square + 0.05 * slope**2
        step = mean / (1 - 0.9**number) / (np.sqrt(square / (1 - 0.95**number)) + 1e-12)
        logits = logits + PACE * (1 - number / ROUNDS) * step
    plan = np.broadcast_to(best, (len(steps), *shape[2:]))
    return Found(plan.copy(), best_value, STARTS * ROUNDS)


# -- the gradient ------------------------------------------------------------------------------


def gradient(
    dynamics: Dynamics, steps: Sequence[float], shares: FloatArray, heat: float | FloatArray = 1.0
) -> tuple[FloatArray, FloatArray]:
    """The value of plans of ``shares``, (..., T, S, L), and the derivative, of that shape.

    The value is the mean accuracy of all cells at the end, without noise. The derivative is that
    of the value with competences divided by ``heat``, which broadcasts to (..., S, L). By the
    adjoint method: ``flow`` forward, then backward through its stages.
    """
    x = np.broadcast_to(dynamics.start, (*shares.shape[:-3], *dynamics.start.shape))
    record: list[tuple[FloatArray, FloatArray, list[Stage]]] = []
    for step, examples in enumerate(steps):
        up, down = pull(examples * shares[..., step, :, :], dynamics)
        stages: list[Stage] = []
        for _ in range(STAGES):
            stages.append(advance(x, up, down, dynamics))
            x = stages[-1].after
        record.append((up, down, stages))
    p = accuracy(x / heat, dynamics)
    slope = np.zeros(shares.shape)
    x_bar = p * (1 - p / dynamics.ceiling) / (heat * dynamics.start.size)
    for step, (up, down, stages) in reversed(list(enumerate(record))):
        x_bar, up_bar, down_bar = _back(x_bar, up, down, stages, dynamics)
        forgets = down_bar * dynamics.forgetting * (down > 0)
        dose_bar = up_bar * dynamics.rate - dynamics.rehearsal * forgets
        own = np.swapaxes(dynamics.transfer, 0, 1) @ dose_bar @ dynamics.spread.T
        slope[..., step, :, :] = own + forgets.sum(axis=(-2, -1), keepdims=True)
        slope[..., step, :, :] *= steps[step] / UNIT
    return accuracy(x, dynamics).mean(axis=(-2, -1)), slope


def _back(
    x_bar: FloatArray, up: FloatArray, down: FloatArray, stages: list[Stage], dynamics: Dynamics
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Derivatives by x before a step, by its up and by its down, from those by x after it."""
    up_bar, down_bar = np.zeros_like(up), np.zeros_like(up)
    for x, gate, middle, later, _ in reversed(stages):
        by_x, by_up, by_down = _slopes(x, up * later / STAGES, down / STAGES)
        by_up, by_down = x_bar * by_up / STAGES, x_bar * by_down / STAGES
        up_bar, down_bar = up_bar + by_up * later, down_bar + by_down
        m_bar = _gate_back(by_up * up, later, middle, dynamics)
        x_bar = x_bar * by_x
        by_x, by_up, by_down = _slopes(x, up * gate / (2 * STAGES), down / (2 * STAGES))
        by_up, by_down = m_bar * by_up / (2 * STAGES), m_bar * by_down / (2 * STAGES)
        up_bar, down_bar = up_bar + by_up * gate, down_bar + by_down
        x_bar = x_bar + m_bar * by_x + _gate_back(by_up * up, gate, x, dynamics)
    return x_bar, up_bar, down_bar


def _slopes(x: FloatArray, up: FloatArray, down: FloatArray) -> tuple[FloatArray, ...]:
    """Derivatives by x, up and down of what a part of a run leads to; see ``dynamics.learn``."""
    speed = np.maximum(up + down, 1e-9)
    kept = np.exp(-speed)
    share = -np.expm1(-speed) / speed
    towards = up * MASTERED + down * LOST
    bend = np.where(speed > 1e-4, (kept - share) / speed, -0.5)
    both = towards * bend - x * kept
    return kept, both + MASTERED * share, both + LOST * share


def _gate_back(
    gate_bar: FloatArray, gate: FloatArray, x: FloatArray, dynamics: Dynamics
) -> FloatArray:
    """Derivative by x, from that by the gate of its prerequisites."""
    by_x: FloatArray = (dynamics.requires.T @ (gate_bar * gate)) / (1 + np.exp(x))
    return by_x
