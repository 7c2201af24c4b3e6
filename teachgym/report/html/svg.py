"""The scales that charts are drawn on, their ticks and paths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from teachgym.escaping import attribute


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to coordinates, with round numbers as ticks."""

    ticks: tuple[float, ...]
    """Ascending, >= 2; the first and the last are the ends of the axis."""
    start: float
    """Coordinate of the first tick."""
    stop: float
    """Coordinate of the last tick."""

    @classmethod
    def over(
        cls,
        values: Iterable[float],
        start: float,
        stop: float,
        *,
        whole: bool = False,
        most: int = 5,
    ) -> Scale:
        """The smallest scale with round ends that covers all finite ``values``.

        Args:
            values: nan and infinities are left out; without any, the scale is that of 0 and 1.
            start: coordinate of the lower end.
            stop: coordinate of the upper end.
            whole: whether only whole numbers make sense.
            most: intervals between ticks, at most.
        """
        from matplotlib.ticker import MaxNLocator

        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        if math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-9):
            high = low + (1 if whole or abs(low) < 1e-6 else abs(low) / 10)
        locator = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole)
        ticks = (round(float(tick), 12) for tick in locator.tick_values(low, high))
        return cls(tuple(ticks), start, stop)

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (value - low) / (high - low) * (self.stop - self.start)


def compact(value: float) -> str:
    """A number as ticks show it.

    Example:
        >>> compact(0.25), compact(2500), compact(40000), compact(1500000)
        ('0.25', '2,500', '40k', '1.5M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{value / unit:.4g}{letter}"
    return f"{value:,.6g}"


def path(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """The ``d`` of a path through points.

    Example:
        >>> path([(0, 1), (2.5, 3)])
        'M0 1L2.5 3'
    """
    steps = (f"{attribute(x)} {attribute(y)}" for x, y in points)
    return "M" + "L".join(steps) + ("Z" if closed else "")
