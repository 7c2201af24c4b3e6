"""One choice for the whole step: the ``Discrete`` actions, for agents such as DQN."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.envs.base import base_of
from teachgym.envs.wrappers.numeric import NumericAction
from teachgym.envs.wrappers.tree_arrays import tree_of
from teachgym.forest import Forest
from teachgym.types import Exploit, Explore, Move


class ChooseCell(NumericAction):
    """Action wrapper on shares: action ``s * n_levels + l`` is all for skill ``s``, level ``l``."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._shape = env.action_space.shape or ()
        self.action_space = gym.spaces.Discrete(int(np.prod(self._shape)))

    def action(self, action: Any) -> NDArray[np.float32]:
        """The whole step for one cell, shape (n_skills, n_levels)."""
        shares = np.zeros(self._shape, dtype=np.float32)
        shares.flat[int(action)] = 1
        return shares


class ChooseRoot(NumericAction):
    """Action wrapper on moves: action ``2 r`` explores root ``r``, ``2 r + 1`` exploits it.

    The whole step goes to that root; see ``moves_of``.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._tree = tree_of(env)
        self.action_space = gym.spaces.Discrete(2 * len(self._tree.roots))

    def action(self, action: Any) -> tuple[Move, ...]:
        """The moves of the choice."""
        root, exploits = divmod(int(action), 2)
        size = base_of(self).examples_per_step
        return moves_of(self._tree.roots[root], bool(exploits), self._tree.forest, size)


def moves_of(chosen: str, exploits: bool, forest: Forest, size: int) -> tuple[Move, ...]:
    """Moves in which the subskills of the chosen root share a step equally; others get nothing.

    Exploring looks for one new subskill first, and so does exploiting a root of which nothing is
    known. Each is asked to have all of the step, which the environment scales down to an equal
    share, so the step is full whether or not something is found.
    """
    amounts = {name: float(size) for name in forest.known(chosen)}
    moves: list[Move] = [Exploit(root, {}) for root in forest.trees if root != chosen]
    moves.append(Exploit(chosen, amounts))
    if not exploits or not amounts:
        moves.append(Explore(chosen, 1, float(size)))
    return tuple(moves)
