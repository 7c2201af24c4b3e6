"""Bandits as teachers of a Skill-List environment: an arm is a skill, or a skill at a level."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.bandits.bandit import Arms, Bandit
from teachgym.agents.context import Cells, Unit, accuracy_of, fill_unmeasured, pool_levels
from teachgym.errors import ConfigError
from teachgym.given import Given
from teachgym.settings import Kept, Positive, checked
from teachgym.types import FloatArray, Obs, Transition

MakeBandit = Callable[[int, np.random.Generator], Bandit]
"""Builds a bandit with the given number of arms."""


@checked
@dataclass(eq=False)
class BanditTeacher:
    """Plays ``slots`` arms per step with equal orders, and rewards them by their accuracy gains.

    The gain of an arm's skill (or cell) from before to after the step becomes a reward in
    [0, 1], as the indices assume::

        reward = clip((gain / span + 1) / 2, 0, 1)

    so 0.5 is no change and a gain of ``span`` or more is 1. All arms of a step are rewarded from
    the same evaluation. An arm that was not measured before and after gets no update.
    """

    cells: Given[Cells]
    """Names and sizes of the environment."""
    make: Given[MakeBandit]
    """Builds the bandit at every reset."""
    name: str = "bandit"
    """The name of the teacher in tables."""
    _: KW_ONLY
    slots: Kept | None = None
    """Arms played per step, >= 1, None = a third of them; an arm played twice gets two shares. A
    bandit that plays distinct arms plays all alike if there are as many slots."""
    arms: Unit = "skill"
    """``skill``: an arm orders all levels of a skill alike; ``cell``: an arm is a skill at a level.
    Fewer arms are learned sooner."""
    credit: Unit = "skill"
    """The gain that rewards an arm: that of its ``skill``, pooled over levels, or that of its own
    ``cell``, which tells levels apart but is much noisier."""
    span: Positive = 0.2
    """The gain per step that is worth the full reward of 1, > 0."""

    def __post_init__(self) -> None:
        if (self.arms, self.credit) == ("skill", "cell"):
            raise ConfigError("credit='cell' needs arms='cell': a whole skill has no single cell")
        n_levels = 1 if self.arms == "skill" else len(self.cells.levels)
        self._shape = (len(self.cells.skills), n_levels)  # of the arms
        third = max(1, math.prod(self._shape) // 3)
        self.n_slots = third if self.slots is None else self.slots
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a new bandit that knows nothing."""
        self.bandit = self.make(math.prod(self._shape), np.random.default_rng(seed))
        self._played: Arms = np.empty(0, dtype=np.int64)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        self._played = self.bandit.select(self.n_slots, self._contexts(observation))
        counts = np.bincount(self._played, minlength=math.prod(self._shape))
        return self.cells.spend(counts.reshape(self._shape).astype(np.float64))

    def observe(self, transition: Transition) -> None:
        """Update the bandit with the reward of each arm of the step."""
        before = accuracy_of(self.credit, transition.observation)
        after = accuracy_of(self.credit, transition.next_observation)
        columns = self._shape[1]  # all levels of a skill arm have the skill's gain
        gain = (after - before)[:, :columns].ravel()[self._played]
        measured = ~np.isnan(gain)
        rewards = np.clip((gain / self.span + 1) / 2, 0, 1)
        self.bandit.update(self._played[measured], rewards[measured])

    def _contexts(self, observation: Obs) -> FloatArray:
        """Accuracy, standard error, level, and an indicator per arm, (n_arms, 3 + n_arms)."""
        if self.arms == "skill":
            scores = pool_levels(observation)
            level = np.full(len(scores.n), np.mean(self.cells.levels))
            columns = [scores.mean, scores.stderr, level]
        else:
            level = np.broadcast_to(self.cells.levels, self.cells.shape)
            columns = [
                fill_unmeasured(observation).ravel(),
                np.asarray(observation["stderr"], dtype=np.float64).ravel(),
                np.asarray(level, dtype=np.float64).ravel(),
            ]
        return np.column_stack([*columns, np.eye(len(columns[0]))])
