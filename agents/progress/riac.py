"""``riac``: a box of tasks that is cut into regions with different learning progress."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from teachgym.agents.progress.boxes import BoxSampler, Point, check_sides
from teachgym.settings import checked

REGION_SHARE, UNIFORM_SHARE = 0.7, 0.2
"""Chances of a uniform task of a chosen region and of the whole box; the rest are mutations."""
CUTS_TRIED = 50
MUTATION = 0.1
"""Standard deviation of a mutation, as a share of each side."""
MIN_POINTS_SHARE, MIN_SIDE_SHARE = 1 / 20, 1 / 15
"""Smallest region a cut may leave: share of ``max_points`` and of the box's side."""


@dataclass
class Region:
    """A part of the box with the tasks that fell into it, oldest first."""

    low: Point
    high: Point
    points: list[Point] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    @property
    def progress(self) -> float:
        """Absolute learning progress (ALP)."""
        return half_difference(np.array(self.rewards))

    def select(self, chosen: NDArray[np.bool_], low: Point, high: Point) -> Region:
        """The part of the box from ``low`` to ``high`` with the ``chosen`` tasks, (n_points,)."""
        indices = np.flatnonzero(chosen)
        return Region(
            low, high, [self.points[i] for i in indices], [self.rewards[i] for i in indices]
        )


def half_difference(rewards: NDArray[np.float64]) -> float:
    """ALP of a region: |mean of the newer half - mean of the older half|; 0 for under 2 rewards.

    Example:
        >>> half_difference(np.array([0.0, 1.0, 4.0, 5.0]))
        4.0
    """
    middle = len(rewards) // 2
    return float(abs(rewards[middle:].mean() - rewards[:middle].mean())) if middle else 0.0


class RIAC(BoxSampler):
    """Robust intelligent adaptive curiosity: samples tasks from regions with learning progress.

    70 % of the tasks are uniform in a region chosen in proportion to its ALP, 20 % are uniform in
    the box, and 10 % mutate the task with the lowest reward of a region chosen by ALP. A region
    with more than ``max_points`` tasks is cut (``cut_region``); if every cut would leave too
    small a region, it forgets the oldest quarter of its tasks.

    Baranes and Oudeyer 2009 as in Portelas et al. 2019 (arXiv 1910.07224) and its released code.

    Args:
        sides: lengths of the box, shape (n_dims,).
        rng: source of all randomness.
        max_points: tasks in a region before it is cut, >= 4.
    """

    @checked
    def __init__(
        self,
        sides: NDArray[np.float64],
        rng: np.random.Generator,
        *,
        max_points: Annotated[int, Interval(ge=4, le=10**6)] = 200,
    ) -> None:
        self.sides = check_sides(sides)
        self.rng = rng
        self.max_points = max_points
        self._set_regions([Region(np.zeros_like(self.sides), self.sides)])

    def sample(self) -> Point:
        """A task, shape (n_dims,)."""
        mode = self.rng.random()
        if mode < UNIFORM_SHARE:
            return self.rng.uniform(0, self.sides)
        region = self._choose_region()
        if mode < UNIFORM_SHARE + REGION_SHARE or not region.points:
            return self.rng.uniform(region.low, region.high)
        worst = region.points[int(np.argmin(region.rewards))]
        return np.clip(self.rng.normal(worst, MUTATION * self.sides), 0, self.sides)

    def update(self, point: Point, reward: float) -> None:
        """Put the task into its region; cut the region if it is full."""
        inside = ((self._lows <= point) & (point <= self._highs)).all(axis=1)
        place = int(np.argmax(inside))  # a task on a border belongs to the first region
        region = self.regions[place]
        region.points.append(point)
        region.rewards.append(reward)
        if len(region.points) <= self.max_points:
            self._progress[place] = region.progress
            return
        halves = cut_region(region, self.sides, self.max_points, self.rng)
        parts = halves or (_without_oldest_quarter(region),)
        self._set_regions([*self.regions[:place], *parts, *self.regions[place + 1 :]])

    def _set_regions(self, regions: list[Region]) -> None:
        self.regions = regions
        self._lows = np.array([region.low for region in regions])
        self._highs = np.array([region.high for region in regions])
        self._progress = np.array([region.progress for region in regions])

    def _choose_region(self) -> Region:
        total = self._progress.sum()
        shares = self._progress / total if total > 0 else None
        return self.regions[int(self.rng.choice(len(self.regions), p=shares))]


def cut_region(
    region: Region,
    sides: Point,
    max_points: int,
    rng: np.random.Generator,
) -> tuple[Region, Region] | None:
    """The two parts of the best of 50 random cuts; None if no cut leaves both parts large enough.

    The score is n_left * n_right * |ALP_left - ALP_right| with the true numbers of tasks. In the
    code released with arXiv 1910.07224 the size factors come out as a constant, so that it
    scores the difference of ALP alone.
    """
    points = np.array(region.points)
    best_score, best = -1.0, None
    for _ in range(CUTS_TRIED):
        axis = int(rng.integers(len(sides)))
        border = float(rng.uniform(region.low[axis], region.high[axis]))
        is_left = points[:, axis] <= border
        n_left, n_right = int(is_left.sum()), int((~is_left).sum())
        thinnest = min(border - region.low[axis], region.high[axis] - border)
        if min(n_left, n_right) < MIN_POINTS_SHARE * max_points or min(n_left, n_right) == 0:
            continue
        if thinnest < MIN_SIDE_SHARE * sides[axis]:
            continue
        middle_high, middle_low = region.high.copy(), region.low.copy()
        middle_high[axis] = middle_low[axis] = border
        left = region.select(is_left, region.low, middle_high)
        right = region.select(~is_left, middle_low, region.high)
        score = n_left * n_right * abs(left.progress - right.progress)
        if score > best_score:
            best_score, best = score, (left, right)
    return best


def _without_oldest_quarter(region: Region) -> Region:
    kept = len(region.points) // 4
    return replace(region, points=region.points[kept:], rewards=region.rewards[kept:])
