"""The skill tree as action and observation: explore for subskills or exploit the known ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.envs.base import TeacherEnv
from teachgym.envs.boxes import count_box, unit_box
from teachgym.envs.observations import score_arrays
from teachgym.envs.orders import teach
from teachgym.metrics import by_group
from teachgym.protocols import DataEngine
from teachgym.skills import Forest, Proposer, exploit, explore
from teachgym.snapshot import Snapshot
from teachgym.types import (
    CURRENCIES,
    Exploit,
    Explore,
    Obs,
    Report,
    leaves_by_root,
)


class SkillTree(gym.Wrapper[Any, Any, Any, Any]):
    """Moves per root skill in, the forest and its scores out.

    The forest's allocations stand until a move changes them: after the moves of a step, every
    known subskill gets its allocation of new examples (DataEnvGym, arXiv 2410.06215, section
    2.3). The shapes of the spaces are in the card of ``teachgym.envs.registry.skill_tree``.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        engine: DataEngine,
        proposer: Proposer,
        *,
        max_subskills: int,
    ) -> None:
        super().__init__(env)
        base = env.unwrapped
        assert isinstance(base, TeacherEnv)
        self._base = base
        self.engine, self.proposer = engine, proposer
        self.leaves = leaves_by_root(base.task.skills)
        self.roots = tuple(self.leaves)
        self.examples_per_step = base.rules.examples_per_step
        self._bare = Forest.bare(self.roots, max_subskills)
        self.forest = self._bare
        self.action_space = _action_space(len(self.roots), max_subskills)
        self.observation_space = _observation_space(len(self.roots), max_subskills)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Start with a forest of bare roots."""
        report, info = self.env.reset(seed=seed, options=options)
        self.forest = self._bare
        return self.observe(report), info

    def step(self, action: Obs) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Make the moves, let the engine fill the allocations, step."""
        moves = decode_moves(action, self.forest, self.examples_per_step)
        rng = self._base.rng("skills")
        for move in moves:
            if isinstance(move, Explore):
                self.forest = explore(self.forest, move, self.proposer, rng)
            else:
                self.forest = exploit(self.forest, move)
        self.forest = self.forest.limited(self._base.examples_available)
        report, reward, terminated, truncated, info = teach(
            self.env, self.engine, self.forest.plan()
        )
        self.forest = self.forest.taught(Counter(e.skill for e in info["data"]))
        info = {**info, "moves": moves, "forest": self.forest}
        return self.observe(report), reward, terminated, truncated, info

    def observe(self, report: Report) -> Obs:
        """The forest as arrays; slots without a subskill are 0."""
        known = tuple(self.forest.known(root) for root in self.roots)
        slots = [(name,) for names in known for name in self._padded(names)]
        shape = (len(self.roots), self._bare.max_subskills)
        sub = score_arrays(by_group(report, slots), "sub_")
        return {
            **score_arrays(by_group(report, list(self.leaves.values()))),
            **{name: array.reshape(shape) for name, array in sub.items()},
            "known": np.array([[bool(n) for n in self._padded(k)] for k in known], np.float32),
            "allocation": self._slots("allocation"),
            "taught": self._slots("taught"),
            "budget_left": self._base.budget_left,
        }

    def snapshot(self) -> Snapshot:
        """The whole environment, forest included."""
        return replace(self._base.snapshot(), forest=self.forest)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment."""
        self._base.restore(snapshot)
        self.forest = snapshot.forest or self._bare

    def _padded(self, names: tuple[str, ...]) -> list[str]:
        return [*names, *[""] * (self._bare.max_subskills - len(names))]

    def _slots(self, field: str) -> np.ndarray:
        array = np.zeros((len(self.roots), self._bare.max_subskills), np.float32)
        for row, root in enumerate(self.roots):
            for column, subskill in enumerate(self.forest.trees[root]):
                array[row, column] = getattr(subskill, field)
        return array


def decode_moves(action: Obs, forest: Forest, limit: int) -> tuple[Explore | Exploit, ...]:
    """One move per root from the arrays of an action; a share of 1 is ``limit`` examples."""
    moves: list[Explore | Exploit] = []
    for row, root in enumerate(forest.trees):
        if action["explore"][row]:
            subskills = max(1, int(action["subskills"][row]))
            moves.append(Explore(root, subskills, round(float(action["examples"][row]) * limit)))
        else:
            shares = action["allocation"][row]
            allocation = {
                name: round(float(share) * limit)
                for name, share in zip(forest.known(root), shares, strict=False)
            }
            moves.append(Exploit(root, allocation))
    return tuple(moves)


def _action_space(n_roots: int, slots: int) -> gym.spaces.Dict:
    return gym.spaces.Dict(
        {
            "explore": gym.spaces.MultiBinary(n_roots),
            "subskills": gym.spaces.MultiDiscrete([slots + 1] * n_roots),
            "examples": unit_box(n_roots),
            "allocation": unit_box(n_roots, slots),
        }
    )


def _observation_space(n_roots: int, slots: int) -> gym.spaces.Dict:
    return gym.spaces.Dict(
        {
            "accuracy": unit_box(n_roots),
            "n": count_box(n_roots),
            "stderr": unit_box(n_roots),
            "known": unit_box(n_roots, slots),
            "sub_accuracy": unit_box(n_roots, slots),
            "sub_n": count_box(n_roots, slots),
            "sub_stderr": unit_box(n_roots, slots),
            "allocation": count_box(n_roots, slots),
            "taught": count_box(n_roots, slots),
            "budget_left": unit_box(len(CURRENCIES)),
        }
    )
