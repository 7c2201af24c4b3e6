"""Rules of the Skill-Tree teachers, after the policies of DataEnvGym (arXiv 2410.06215, B.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from teachgym.agents.trees.teacher import Moment, TreeRule
from teachgym.settings import Count, Kept, Share, checked


@dataclass(frozen=True)
class UniformTree(TreeRule):
    """Asks for as many subskills as a root can have, then allocates equally within each root."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Ask for all subskills at once."""
        n_roots, max_subskills = now.known.shape
        return np.full(n_roots, max_subskills)


@checked
@dataclass(frozen=True, kw_only=True)
class RandomTree(TreeRule):
    """Explores a root with a fixed probability, else allocates random amounts.

    After the random policy of DataEnvGym (arXiv 2410.06215, appendix B.5, "No State"): a fair
    coin and 1 to 3 new subskills. There, amounts change by random differences for at most ten
    subskills; here a root's share is divided uniformly at random.
    """

    chance: Share = 0.5
    """Probability of exploring, in [0, 1]."""
    most: Kept = 3
    """The most new subskills asked for at a time, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Ask for 1 to ``most`` new subskills with the given probability."""
        n_roots = len(now.known)
        explores = now.rng.random(n_roots) < self.chance
        return explores * now.rng.integers(1, self.most + 1, n_roots)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Each root's share divided by a draw that is uniform over all divisions."""
        # Exponential draws divided by their sum are uniform on the simplex.
        weights = now.rng.exponential(size=now.known.shape) * now.known
        total = weights.sum(axis=1, keepdims=True)
        return now.examples * weights / np.where(total > 0, total, 1.0)


@checked
@dataclass(frozen=True, kw_only=True)
class ConstantTree(TreeRule):
    """Explores in every step while there is something to find, or never.

    After the constant policy of DataEnvGym (arXiv 2410.06215, code), which repeats any one
    action; here the two that differ. What no longer can be explored is taught equally.
    """

    subskills: Count = 2
    """New subskills per root and step, >= 0; 0 = none but the first, which a root needs."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Always ask for the same number."""
        return np.full(len(now.known), self.subskills)


@checked
@dataclass(frozen=True, kw_only=True)
class Alternating(TreeRule):
    """Explores in the first step and every second one after; exploits with equal allocations.

    After the alternating policy of DataEnvGym (arXiv 2410.06215, code), whose exploit steps set
    every allocation to zero; here they teach what is known.
    """

    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Ask for new subskills in steps 0, 2, 4, ..."""
        return np.full(len(now.known), self.subskills if now.step % 2 == 0 else 0)


@checked
@dataclass(frozen=True, kw_only=True)
class FillAndBalance(TreeRule):
    """Explores a root until no more subskills fit or are found, then balances their examples.

    After the policy of DataEnvGym (arXiv 2410.06215, appendix B.5), which then raises every
    subskill to a fixed number of examples and stops; here the episode's budget is the only end,
    and each step's examples go to the subskills with the fewest so far. Like there, it looks at
    how much was taught, never at accuracy.
    """

    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Ask for new subskills while there are any."""
        return np.full(len(now.known), self.subskills)

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """The amounts that bring each root's known subskills closest to equal totals."""
        allocation = np.zeros(now.known.shape)
        for row, known in enumerate(now.known):
            taught = np.asarray(now.observation["taught"][row], dtype=np.float64)
            allocation[row, known] = pour(taught[known], now.examples)
        return allocation


def pour(levels: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Divide ``amount`` so that the lowest ``levels``, shape (n,), rise to one common height.

    Example:
        >>> pour(np.array([10.0, 40.0, 0.0]), 20.0).tolist()
        [5.0, 0.0, 15.0]
    """
    lowest_first = np.sort(levels)
    # The height if only the m lowest rise, for m = 1 .. n; the right m is the one that is lowest.
    heights = (amount + np.cumsum(lowest_first)) / np.arange(1, len(levels) + 1)
    height = float(heights.min(initial=np.inf))
    return np.maximum(height - levels, 0.0)


Signal = Literal["root", "reward"]


@checked
@dataclass(frozen=True, kw_only=True)
class Threshold(TreeRule):
    """Exploits roots that gained more than ``threshold`` in the last step, and explores the others.

    After the reward-reactive policy of DataEnvGym (arXiv 2410.06215, code: last reward above
    0.01 exploits, else 5 new subskills). There one reward decides for all roots
    (``signal="reward"``); by default here each root is judged by its own accuracy.
    """

    threshold: Annotated[float, Interval(ge=-1, le=1)] = 0.01
    """Change of accuracy (or reward) per step that counts as progress, in [-1, 1]."""
    subskills: Kept = 2
    """New subskills per root and exploring step, >= 1."""
    signal: Signal = "root"
    """``root``: the root's gain of accuracy, 0 if not measured; ``reward``: the step's reward."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """Ask for new subskills of the roots without progress, and of all at the start."""
        return np.where(self._gain(now) > self.threshold, 0, self.subskills)

    def _gain(self, now: Moment) -> NDArray[np.float64]:
        n_roots = len(now.known)
        if now.last is None:
            return np.full(n_roots, -np.inf)
        if self.signal == "reward":
            return np.full(n_roots, now.last.reward)
        before, after = now.last.observation, now.last.next_observation
        measured = np.minimum(before["n"], after["n"]) > 0
        change = after["accuracy"].astype(np.float64) - before["accuracy"].astype(np.float64)
        return np.where(measured, change, 0.0)
