"""``alp``: teach where accuracy moves (absolute learning progress on discrete skills)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells, pool_levels
from teachgym.given import Given
from teachgym.settings import NotNegative, Share, checked
from teachgym.types import Obs, Scores, Transition


@checked
@dataclass(eq=False)
class LearningProgress:
    """Orders in proportion to each skill's absolute learning progress (ALP), with equal levels.

    After a step, with p the accuracy pooled over levels and m = ``memory``::

        ALP <- m ALP + (1 - m) max(0, |p_after - p_before| - noise)

    and the first value is taken as it is. A share ``exploration`` of each step is uniform, and
    so is the whole step until some progress is seen. The absolute value makes the teacher come
    back to what is being forgotten.

    After Portelas et al. 2019 (arXiv 1910.07224), who define ALP by the nearest
    earlier task of a continuous space: here a skill's nearest neighbour is the skill itself, and
    the decaying mean (as in Matiisen et al. 2017, arXiv 1707.00183, "Online") replaces the window.
    """

    name = "alp"

    cells: Given[Cells]
    """Sizes of the environment."""
    _: KW_ONLY
    memory: Share = 0.5
    """Weight of the past, in [0, 1]."""
    exploration: Share = 0.2
    """Share that is uniform, in [0, 1]."""
    noise_floor: NotNegative = 0.0
    """>= 0; what counts as noise, in multiples of sqrt(2 / pi) times the standard error of the
    difference: the mean absolute difference of two measurements of an unchanged student on
    independent items. Environments measure the same items every time, which differ far less; there
    a floor hides progress more than noise."""

    def __post_init__(self) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget all progress."""
        self.progress = np.zeros(len(self.cells.skills))
        self._seen = np.zeros(len(self.cells.skills), dtype=bool)

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        return self.cells.spend(self.progress[:, np.newaxis], exploration=self.exploration)

    def observe(self, transition: Transition) -> None:
        """Update the progress of every skill that was measured before and after."""
        before = pool_levels(transition.observation)
        after = pool_levels(transition.next_observation)
        measured = (before.n > 0) & (after.n > 0)
        latest = significant_change(before, after, self.noise_floor)
        memory = np.where(self._seen, self.memory, 0.0)
        updated = memory * self.progress + (1 - memory) * latest
        self.progress = np.where(measured, updated, self.progress)
        self._seen |= measured


def significant_change(before: Scores, after: Scores, noise_floor: float) -> NDArray[np.float64]:
    """Absolute change of accuracy above the noise floor, shape (n_skills,), >= 0."""
    noise = np.sqrt(2 / np.pi) * np.hypot(before.stderr, after.stderr)
    excess: NDArray[np.float64] = np.abs(after.mean - before.mean) - noise_floor * noise
    return np.maximum(excess, 0.0)
