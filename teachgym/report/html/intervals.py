"""Measured numbers as marks of a chart."""

from __future__ import annotations

import math

from teachgym.metrics import Estimate
from teachgym.report.captions import error_of
from teachgym.report.html.charts import Mark
from teachgym.types import SkillScore


def score_mark(name: str, score: SkillScore, style: str = "c0") -> Mark:
    """A score with ± its standard error, within [0, 1]; one item has none."""
    error = error_of(score)
    ends = (score.mean - error, score.mean + error)
    low, high = (end if math.isnan(end) else min(1.0, max(0.0, end)) for end in ends)
    return Mark(score.mean, low, high, f"{name}: {score}", style)


def wilson_mark(name: str, score: SkillScore, style: str = "c0") -> Mark:
    """A score with its 95 % Wilson interval, which has a width even where all answers are right.

    Wilson 1927, equation of the limits, with z = 1.96; for fractional scores, whose variance is at
    most that of right-or-wrong ones, it is an upper bound.
    """
    if not score.n:
        return score_mark(name, score, style)
    z2, p, n = 1.96**2, score.mean, score.n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (p * (1 - p) / n + z2 / (4 * n**2))) ** 0.5 / (1 + z2 / n)
    low, high = centre - half, centre + half
    note = f"{name}: {score}, 95 % [{low:.3f}, {high:.3f}]"
    return Mark(score.mean, low, high, note, style)


def estimate_mark(name: str, value: Estimate, style: str = "c0") -> Mark:
    """A mean over repetitions with ± its standard error; without interval for n = 1."""
    note = f"{name}: {value}"
    return Mark(value.mean, value.mean - value.stderr, value.mean + value.stderr, note, style)


def exact_mark(name: str, value: float, style: str = "c0") -> Mark:
    """A number that was counted, not measured."""
    return Mark(value, math.nan, math.nan, f"{name}: {value:,.10g}", style)
