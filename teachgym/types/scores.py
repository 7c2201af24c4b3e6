"""A mean with its n and its standard error, and arrays of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """A mean with its n and its standard error."""

    n: int
    """The number of measurements, such as predictions; if it is 0, mean and stderr are nan."""
    mean: float
    stderr: float
    """Standard error of the mean; nan = not known."""

    def __str__(self) -> str:
        """The mean with its standard error and n.

        Example:
            >>> print(Score(100, 0.5, 0.05))
            0.500 ± 0.050 (n=100)
        """
        return f"{self.show('.3f')} (n={self.n})" if self.n else self.show(".3f")

    def show(self, form: str) -> str:
        """The mean and its standard error in a format of numbers; one value has no error.

        Example:
            >>> Score(3, 0.5, 0.1).show("+.2f"), Score(1, -0.001, 0.0).show("+.2f")
            ('+0.50 ± 0.10', '+0.00')
        """
        if math.isnan(self.mean):
            return "not measured"
        digits = form.lstrip("+")
        mean = format(self.mean, f"{form.removesuffix(digits)}z{digits}")  # z: no -0.00
        if self.n < 2 or math.isnan(self.stderr):
            return mean
        return f"{mean} ± {self.stderr:{digits}}"

    @classmethod
    def nothing(cls) -> Score:
        """The score of nothing measured."""
        return cls(0, math.nan, math.nan)

    @classmethod
    def of(cls, scores: Iterable[float] | FloatArray) -> Score:
        """The mean over items, shape (n,), leaving out nan.

        The standard error is sqrt(p (1 - p) / n) for right-or-wrong scores and in general
        sqrt(mean squared deviation / n): the error of a mean over items drawn from the task. Where
        all of them are 0, or all are 1, that would be 0; see ``floor_error``.

        Example:
            >>> print(Score.of([1.0, 1.0, 1.0, 1.0]))
            1.000 ± 0.153 (n=4)
        """
        measured = _measured(scores)
        if measured.size == 0:
            return cls.nothing()
        n, mean, spread = int(measured.size), float(measured.mean()), float(measured.std())
        is_share_at_its_end = spread == 0 and mean in (0, 1)
        return cls(n, mean, floor_error(n) if is_share_at_its_end else spread / n**0.5)

    @classmethod
    def pooled(cls, scores: Iterable[Score]) -> Score:
        """The mean over the measurements of independent scores, leaving out what has none.

        Example:
            >>> print(Score.pooled([Score(100, 0.5, 0.06), Score(100, 0.7, 0.08)]))
            0.600 ± 0.050 (n=200)
        """
        measured = [score for score in scores if score.n]
        n = sum(score.n for score in measured)
        if not n:
            return cls.nothing()
        error = math.hypot(*(score.n * score.stderr for score in measured)) / n
        return cls(n, sum(score.n * score.mean for score in measured) / n, error)

    @classmethod
    def of_repetitions(cls, values: Iterable[float] | FloatArray) -> Score:
        """The mean over independent repetitions such as seeds, shape (n,), leaving out nan.

        The standard error is the sample standard deviation (n - 1) / sqrt(n); nan for n < 2.

        Example:
            >>> print(Score.of_repetitions([1.0, 2.0, 3.0]))
            2.000 ± 0.577 (n=3)
        """
        measured = _measured(values)
        if measured.size == 0:
            return cls.nothing()
        error = float(measured.std(ddof=1) / measured.size**0.5) if measured.size > 1 else math.nan
        return cls(int(measured.size), float(measured.mean()), error)


def floor_error(n: int) -> float:
    """The standard error of a share if all of ``n`` items, or none, are right.

    That of the share (x + 2) / (n + 4) of n + 4 items, for x = 0 or n: sqrt(2 (n + 2)) / (n +
    4)^(3/2) (Agresti and Coull 1998, "Approximate is better than exact for interval estimation of
    binomial proportions", The American Statistician 52(2)). Unlike there, the mean that it stands
    beside is not adjusted: it is what was seen.

    Example:
        >>> round(floor_error(80), 4)
        0.0166
    """
    return math.sqrt(2 * (n + 2) / (n + 4) ** 3)


class Scores(NamedTuple):
    """Scores of many groups, such as skills or cells; arrays of one shape."""

    n: FloatArray
    """Measured predictions; 0 = not measured, and then mean and stderr are 0 too."""
    mean: FloatArray
    stderr: FloatArray
    """sqrt(mean squared deviation / n); 0 at floor and ceiling, see ``metrics.by_cell``."""


def _measured(values: Iterable[float] | FloatArray) -> FloatArray:
    array = values if isinstance(values, np.ndarray) else np.fromiter(values, np.float64)
    return array[~np.isnan(array)]
