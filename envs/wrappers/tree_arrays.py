"""The skill tree in numbers: a row for each root, a column for each subskill.

The shapes of the spaces are in the card of ``teachgym.envs.registry.skill_tree``.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.envs.base import base_of
from teachgym.envs.wrappers.numeric import NumericAction
from teachgym.envs.wrappers.observations import ArrayObservation, count_box, score_arrays, unit_box
from teachgym.envs.wrappers.skill_tree import SkillTree
from teachgym.forest import Forest, TreeReport
from teachgym.metrics import by_group
from teachgym.types import CURRENCIES, Exploit, Explore, Move, Obs


class TreeMoves(NumericAction):
    """Action wrapper: one move per root, as arrays."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._tree = tree_of(env)
        roots, columns = len(self._tree.roots), self._tree.max_subskills
        self.action_space = gym.spaces.Dict(
            {
                "explore": gym.spaces.MultiBinary(roots),
                "subskills": gym.spaces.MultiDiscrete([columns + 1] * roots),
                "examples": unit_box(roots),
                "allocation": unit_box(roots, columns),
            }
        )

    def action(self, action: Obs) -> tuple[Move, ...]:
        """The moves; a share of 1 is ``examples_per_step`` examples."""
        base = base_of(self)
        return decode_moves(action, self._tree.forest, base.examples_per_step)


class TreeArrays(ArrayObservation):
    """Observation wrapper: the forest as arrays; columns without a subskill are 0."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._tree = tree_of(env)
        roots, columns = len(self._tree.roots), self._tree.max_subskills
        self.observation_space = gym.spaces.Dict(
            {
                "accuracy": unit_box(roots),
                "n": count_box(roots),
                "stderr": unit_box(roots),
                "known": unit_box(roots, columns),
                "sub_accuracy": unit_box(roots, columns),
                "sub_n": count_box(roots, columns),
                "sub_stderr": unit_box(roots, columns),
                "allocation": count_box(roots, columns),
                "taught": count_box(roots, columns),
                "own_accuracy": unit_box(roots, columns),
                "own_n": count_box(roots, columns),
                "budget_left": unit_box(len(CURRENCIES)),
            }
        )

    def observation(self, observation: TreeReport) -> Obs:
        """Float32 arrays; (n_roots,), (n_roots, max_subskills) and (n_currencies,)."""
        tree, forest = self._tree, observation.forest
        base = base_of(self)
        most = tree.max_subskills
        names = [[*forest.known(root), *[""] * most][:most] for root in tree.roots]
        groups = [(name,) for row in names for name in row]
        shape = (len(tree.roots), most)
        sub = score_arrays(by_group(observation.report, groups), "sub_")
        return {
            **score_arrays(by_group(observation.report, list(tree.leaves.values()))),
            **{name: array.reshape(shape) for name, array in sub.items()},
            "known": np.array([[bool(name) for name in row] for row in names], np.float32),
            **_columns(forest, tree.roots, shape),
            "budget_left": base.budget_left,
        }


def decode_moves(action: Obs, forest: Forest, limit: int) -> tuple[Move, ...]:
    """One move per root from the arrays of an action; a share of 1 is ``limit`` examples."""
    moves: list[Move] = []
    for row, root in enumerate(forest.trees):
        if action["explore"][row]:
            subskills = max(1, int(action["subskills"][row]))
            moves.append(Explore(root, subskills, float(action["examples"][row]) * limit))
        else:
            shares = action["allocation"][row]
            allocation = {
                name: float(share) * limit
                for name, share in zip(forest.known(root), shares, strict=False)
            }
            moves.append(Exploit(root, allocation))
    return tuple(moves)


def tree_of(env: gym.Env[Any, Any]) -> SkillTree:
    """The skill tree in a stack of wrappers."""
    while not isinstance(env, SkillTree):
        assert isinstance(env, gym.Wrapper)
        env = env.env
    return env


def _columns(forest: Forest, roots: tuple[str, ...], shape: tuple[int, int]) -> Obs:
    """The forest's own knowledge of each subskill; accuracy is 0 where n is 0."""
    arrays = {
        name: np.zeros(shape, np.float32)
        for name in ("allocation", "taught", "own_accuracy", "own_n")
    }
    for row, root in enumerate(roots):
        for column, subskill in enumerate(forest.trees[root]):
            own = subskill.own
            arrays["allocation"][row, column] = subskill.allocation
            arrays["taught"][row, column] = subskill.taught
            arrays["own_accuracy"][row, column] = own.mean if own.n else 0.0
            arrays["own_n"][row, column] = own.n
    return arrays
