"""The time at which a teacher's students learned: early, or all along.

DataEnvGym (arXiv 2410.06215, figure 5) shows one curve each: on MATH its Open-Ended agent rises
to the end, those of Skill-List and Skill-Tree are flat after the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.benchmarks.bench.statistics import mean_curve
from teachgym.errors import ConfigError
from teachgym.types import Score


@dataclass(frozen=True, slots=True)
class Dynamics:
    """The course of an arm's mean validation curve, up to the last step that all runs reached."""

    steps: int
    """Steps of the shortest run, >= 1."""
    highest: int
    """The step after which the mean curve is highest, the first of equals; 0 = untrained."""
    early: Score
    """Gain in the first half of the steps; with an odd number, to the middle of the middle one."""
    late: Score
    """Gain in the second half."""

    @property
    def share(self) -> float | None:
        """The share of the final gain that was there after half of the steps; None without a gain.

        Above 1 for a curve that falls again.
        """
        whole = self.early.mean + self.late.mean
        return self.early.mean / whole if whole > 0 else None


def describe_curves(curves: Sequence[Sequence[float]]) -> Dynamics:
    """Dynamics of an arm.

    Args:
        curves: accuracy on ``val`` of each run, untrained first; >= 1 run of >= 1 step.

    Raises:
        ConfigError: for a run without a step.
    """
    steps = min(map(len, curves)) - 1
    if steps < 1:
        raise ConfigError("a curve has no step; dynamics need runs of at least one step")
    means = [point.mean for point in mean_curve(curves)]
    middles = [float(np.interp(steps / 2, range(len(curve)), curve)) for curve in curves]
    return Dynamics(
        steps,
        int(np.argmax(means)),
        Score.of_repetitions([m - curve[0] for m, curve in zip(middles, curves, strict=True)]),
        Score.of_repetitions([curve[steps] - m for m, curve in zip(middles, curves, strict=True)]),
    )
