"""Captions that promise only the errors and intervals that so many measurements allow."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

from teachgym.types import Score


def promise(what: str, counts: Iterable[int], fewest: int, of: str, none: str) -> str:
    """A remark on what is there from ``fewest`` measurements on: for which of them, or nowhere.

    Args:
        what: is promised.
        counts: measurements of each number shown; numbers without any are not shown.
        fewest: measurements that have it.
        of: the measurements' name, in the plural.
        none: said if no number has it.
    """
    enough = [count >= fewest for count in counts if count]
    if not any(enough):
        return none
    return what if all(enough) else f"{what}, from {fewest} {of} on"


def item_errors(scores: Collection[Score]) -> str:
    """A remark on whether scores have standard errors, and how many items they are of.

    Example:
        >>> item_errors([Score(9, 0.5, 0.1), Score(1, 1.0, 0.0)])
        '± standard error, from 2 items on, n = 1 to 9 items'
        >>> item_errors([Score(1, 1.0, 0.0)]), item_errors([Score.nothing()])
        ('no standard error of one item, n = 1 item', 'not measured, n = 0 items')
    """
    counts = [score.n for score in scores]
    none = "no standard error of one item" if any(counts) else "not measured"
    said = promise("± standard error", counts, 2, "items", none)
    return f"{said}, {items(scores)}" if counts else said


def error_of(score: Score) -> float:
    """The standard error that is shown; nan where there are not two items to know it by."""
    return score.stderr if score.n > 1 else math.nan


def show_mean(score: Score | None, form: str, n: int) -> str:
    """A mean over some of ``n`` runs, with its own n unless it is over all; empty without any.

    Example:
        >>> show_mean(Score(9, 0.5, 0.1), ".2f", 9), show_mean(Score(2, 0.5, 0.1), ".2f", 9)
        ('0.50 ± 0.10', '0.50 ± 0.10 (n=2)')
    """
    if score is None or not score.n:
        return ""
    return score.show(form) + f" (n={score.n})" * (score.n != n)


def items(scores: Collection[Score]) -> str:
    """The number of items that scores are of, from the fewest to the most; needs a score."""
    shown = numbers(scores)
    return f"{shown} item" if shown == "n = 1" else f"{shown} items"


def numbers(scores: Collection[Score]) -> str:
    """``items`` without the word.

    Example:
        >>> numbers([Score.nothing(), Score(9, 0.5, 0.1)])
        'n = 0 to 9'
    """
    low, high = (pick(score.n for score in scores) for pick in (min, max))
    return f"n = {low} to {high}" if low < high else f"n = {low}"


def show_amount(value: float, digits: int = 3) -> str:
    """A number in so many significant digits, or without decimals if it has as many before them.

    Example:
        >>> show_amount(1.23456), show_amount(999.7), show_amount(13_920, 4)
        ('1.23', '1,000', '13,920')
    """
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def short_commit(commit: str | None) -> str:
    """The first ten digits of a commit; None = there was no checkout.

    Example:
        >>> short_commit("0123456789" * 4 + "-dirty"), short_commit(None)
        ('0123456789-dirty', 'not in a checkout')
    """
    if commit is None:
        return "not in a checkout"
    return re.sub(r"^([0-9a-f]{10})[0-9a-f]{30}\b", r"\1", commit)
