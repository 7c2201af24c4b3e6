"""Captions that promise only the errors and intervals that so many runs allow."""

from __future__ import annotations

from collections.abc import Iterable

from teachgym.benchmarks.bench.statistics import FEWEST
from teachgym.report.captions import promise

ERRORS = "± standard error over seeds"
INTERVALS = "95 % bootstrap intervals"


def errors(counts: Iterable[int]) -> str:
    """Whether means of so many runs have standard errors.

    Example:
        >>> errors([3, 4]), errors([1, 4])
        ('± standard error over seeds', '± standard error over seeds, from 2 runs on')
        >>> errors([1])
        'no standard error of one run'
    """
    return promise(ERRORS, counts, 2, "runs", "no standard error of one run")


def intervals(counts: Iterable[int]) -> str:
    """Whether so many runs have bootstrap intervals.

    Example:
        >>> intervals([5]), intervals([4, 5])
        ('95 % bootstrap intervals', '95 % bootstrap intervals, from 5 runs on')
        >>> intervals([4])
        'no interval below 5 runs'
    """
    return promise(INTERVALS, counts, FEWEST, "runs", f"no interval below {FEWEST} runs")


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop.

    Example:
        >>> sentence("no interval")
        'No interval.'
    """
    return f"{text[:1].upper()}{text[1:]}."
