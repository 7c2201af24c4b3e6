"""Small numpy worlds with the spaces of the real environments, and the toy box of teachDeepRL.

``ListWorld`` is a student whose skills have a known rate of learning, so a test knows what a
teacher should find out. Its validation items are fixed, with a threshold each; a little noise is
added to the student's competence at each evaluation, since training is never quite repeatable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.protocols import PLAIN
from teachgym.spaces import DataSpace, ReportSpace
from teachgym.syllabus import Syllabus
from teachgym.types import (
    CURRENCIES,
    Data,
    Example,
    Obs,
    Prediction,
    Report,
    Skill,
    Transition,
    Tried,
)

BUDGET_LEFT = np.ones(len(CURRENCIES), dtype=np.float32)


def box(high: float, *shape: int) -> gym.spaces.Box:
    return gym.spaces.Box(0, high, shape, dtype=np.float32)


class ListWorld(gym.Env[Obs, NDArray[np.float32]]):
    """Skill-List: skill s closes the share 1 - exp(-rates[s] * share of the step) of its gap."""

    probes = meter = None
    examples_per_step = 100

    @property
    def lookahead(self) -> Copies:
        return Copies(self)

    def __init__(
        self,
        rates: Sequence[float],
        *,
        start: float | Sequence[float] = 0.1,
        n_levels: int = 3,
        items: int = 10,
        steps: int = 10,
        noise: float = 0.02,
    ) -> None:
        self.skills = tuple(f"skill-{i}" for i in range(len(rates)))
        self.levels = tuple(np.linspace(0, 1, n_levels).tolist())
        self.syllabus = Syllabus(
            "list-world", tuple(map(Skill, self.skills)), PLAIN, (), *[lambda *_: math.nan] * 3
        )
        self.rates = np.asarray(rates, dtype=np.float64)[:, np.newaxis]
        self.items, self.steps, self.noise = items, steps, noise
        self.start = np.broadcast_to(np.reshape(start, (-1, 1)), (len(rates), n_levels))
        shape = self.start.shape
        self.action_space = box(1, *shape)
        self.observation_space = gym.spaces.Dict(
            {
                "accuracy": box(1, *shape),
                "n": box(np.inf, *shape),
                "stderr": box(1, *shape),
                "budget_left": box(1, len(CURRENCIES)),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        super().reset(seed=seed)
        self.competence = self.start.copy()
        self._thresholds = self.np_random.random((*self.start.shape, self.items))
        self._made = 0
        self._observation = self._measure()
        return self._observation, {}

    def step(self, action: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        share = action / max(1, float(action.sum()))
        self.competence += (1 - self.competence) * (1 - np.exp(-self.rates * share))
        before, self._observation = self._observation, self._measure()
        self._made += 1
        reward = float((self._observation["accuracy"] - before["accuracy"]).mean())
        return self._observation, reward, self._made >= self.steps, False, {}

    def _measure(self) -> Obs:
        shown = self.competence + self.np_random.normal(0, self.noise, self.competence.shape)
        accuracy = (self._thresholds < shown[..., np.newaxis]).mean(axis=2)
        return {
            "accuracy": accuracy.astype(np.float32),
            "n": np.full(accuracy.shape, self.items, dtype=np.float32),
            "stderr": np.sqrt(accuracy * (1 - accuracy) / self.items).astype(np.float32),
            "budget_left": BUDGET_LEFT.copy(),
        }


class Copies:
    """Tries actions in copies of a world."""

    def __init__(self, world: ListWorld) -> None:
        self._world, self._after = world, dict[str, ListWorld]()

    def branch(
        self, actions: Sequence[NDArray[np.float32]], starts: Sequence[str] = ()
    ) -> tuple[Tried, ...]:
        tried = []
        for i, action in enumerate(actions):
            copy = deepcopy(self._after[starts[i]] if starts else self._world)
            id_ = str(len(self._after))
            tried.append(Tried(copy.step(action)[1], id_))
            self._after[id_] = copy
        return tuple(tried)


class TreeWorld(gym.Env[Obs, Obs]):
    """Skill-Tree: root r has ``leaves[r]`` subskills to find, all equally easy to learn."""

    probes = None

    def __init__(
        self, leaves: Sequence[int], *, slots: int = 4, steps: int = 8, per_step: int = 120
    ) -> None:
        n_roots = len(leaves)
        self.roots = tuple(f"root-{i}" for i in range(n_roots))
        self.leaves, self.slots, self.steps = leaves, slots, steps
        self.examples_per_step = per_step
        cells, roots = (n_roots, slots), (n_roots,)
        self.action_space = gym.spaces.Dict(
            {
                "explore": gym.spaces.MultiBinary(n_roots),
                "subskills": gym.spaces.MultiDiscrete([slots + 1] * n_roots),
                "examples": box(1, *roots),
                "allocation": box(1, *cells),
            }
        )
        self.observation_space = gym.spaces.Dict(
            {
                **{k: box(1, *roots) for k in ("accuracy", "stderr")},
                **{k: box(1, *cells) for k in ("known", "sub_accuracy", "sub_stderr")},
                **{k: box(np.inf, *cells) for k in ("sub_n", "allocation", "taught")},
                "n": box(np.inf, *roots),
                "budget_left": box(1, len(CURRENCIES)),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        super().reset(seed=seed)
        shape = (len(self.roots), self.slots)
        self.known = np.zeros(len(self.roots), dtype=int)
        self.allocation, self.taught = np.zeros(shape), np.zeros(shape)
        self._made = 0
        return self._look(), {}

    def step(self, action: Obs) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        for row, explores in enumerate(action["explore"]):
            if explores:
                room = min(self.leaves[row], self.slots) - self.known[row]
                found = min(int(action["subskills"][row]), room)
                new = slice(self.known[row], self.known[row] + found)
                self.allocation[row, new] = action["examples"][row] * self.examples_per_step
                self.known[row] += found
            else:
                self.allocation[row] = action["allocation"][row] * self.examples_per_step
        self.allocation *= self._known_mask()
        self.allocation *= min(1, self.examples_per_step / max(self.allocation.sum(), 1e-9))
        before = self._accuracy().mean()
        self.taught += self.allocation
        self._made += 1
        reward = float(self._accuracy().mean() - before)
        return self._look(), reward, self._made >= self.steps, False, {}

    def _known_mask(self) -> NDArray[np.bool_]:
        return np.arange(self.slots) < self.known[:, np.newaxis]

    def _accuracy(self) -> NDArray[np.float64]:
        return 1 - np.exp(-self.taught / self.examples_per_step)

    def _look(self) -> Obs:
        known = self._known_mask()
        sub = {
            "sub_accuracy": self._accuracy() * known,
            "sub_n": 10 * known,
            "sub_stderr": 0 * known,
        }
        root = {"accuracy": self._accuracy().mean(axis=1), "n": np.full(len(known), 10)}
        arrays = {
            **sub,
            **root,
            "stderr": np.zeros(len(known)),
            "known": known,
            "allocation": self.allocation,
            "taught": self.taught,
            "budget_left": BUDGET_LEFT,
        }
        return {name: np.asarray(a, dtype=np.float32).copy() for name, a in arrays.items()}


class ToyBox:
    """The toy student of teachDeepRL (Portelas et al. 2019): a grid of cells with prerequisites.

    A visit raises a cell's competence by one point, up to 100, if the cell is the origin or an
    adjacent earlier one has at least 75. The reward of a task is its cell's competence.
    """

    def __init__(
        self, *, n_cells: int = 10, gate: float = 75, dead: float = 0.0, seed: int = 0
    ) -> None:
        self.n_cells, self.gate = n_cells, gate
        self.competence = np.zeros((n_cells, n_cells))
        self.alive = np.random.default_rng(seed).random((n_cells, n_cells)) >= dead
        self.alive[0, 0] = True

    def train(self, point: NDArray[np.float64]) -> float:
        i, j = np.minimum((point * self.n_cells).astype(int), self.n_cells - 1).tolist()
        if self.alive[i, j] and self._open(i, j):
            self.competence[i, j] = min(self.competence[i, j] + 1, 100)
        return float(self.competence[i, j])

    @property
    def mastered(self) -> float:
        """Share of all cells above the gate."""
        return float((self.competence > self.gate).mean())

    def _open(self, i: int, j: int) -> bool:
        earlier = [(i - 1, j), (i, j - 1)]
        reached = any(self.competence[c] >= self.gate for c in earlier if min(c) >= 0)
        return (i, j) == (0, 0) or reached


class OpenWorld(gym.Env[Report, Data]):
    """Open-Ended: reports with the given accuracy per skill; whatever is handed in is accepted."""

    probes = None

    def __init__(
        self, accuracy: Mapping[str, float], *, per_step: int = 10, steps: int = 3
    ) -> None:
        self.skills = tuple(accuracy)
        self.report = make_report(accuracy)
        self.steps = steps
        self.action_space = DataSpace(self.skills, per_step)
        self.observation_space = ReportSpace(self.skills)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Report, dict[str, Any]]:
        super().reset(seed=seed)
        self._made = 0
        return self.report, {}

    def step(self, action: Data) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self._made += 1
        return self.report, 0.0, self._made >= self.steps, False, {}


def make_report(accuracy: Mapping[str, float], items: int = 10) -> Report:
    """``items`` predictions per skill, the first ones right; nan = not measured."""
    predictions = [
        Prediction(Example(f"{skill} {i}", "x", skill), "x", score(i, share, items))
        for skill, share in accuracy.items()
        for i in range(items)
    ]
    return Report(tuple(predictions), "val")


def score(i: int, share: float, items: int) -> float:
    return share if math.isnan(share) else float(i < share * items)


def make_pool(skills: Sequence[str], each: int) -> Data:
    return tuple(Example(f"{s} pool {i}", "x", s) for s in skills for i in range(each))


def list_observation(
    accuracy: Sequence[Sequence[float]], n: int | Sequence[Sequence[int]] = 10
) -> Obs:
    """A Skill-List observation; cells with n = 0 must have accuracy 0, as in the environment."""
    shown = np.array(accuracy, dtype=np.float32)
    counts = np.broadcast_to(np.asarray(n, dtype=np.float32), shown.shape)
    stderr = np.sqrt(shown * (1 - shown) / np.maximum(counts, 1))
    return {
        "accuracy": shown,
        "n": counts.copy(),
        "stderr": stderr.astype(np.float32),
        "budget_left": BUDGET_LEFT.copy(),
    }


def transition(before: Any, after: Any, action: Any = None, reward: float = 0.0) -> Transition:
    return Transition(before, action, reward, after, terminated=False, truncated=False)
