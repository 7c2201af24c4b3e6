"""A finished run in one sentence of facts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from teachgym.runs.result import RunResult
from teachgym.types import Score

SURE = 2.0
"""Standard errors from which on a skill is said to have moved."""
_NAMED = 3
"""Skills that are named, at most."""


def headline(result: RunResult) -> str:
    """Summarise a run: its gain, the skills that moved, wasted examples, the gap of val and test.

    A skill moved if its two accuracies on test differ by more than ``SURE`` standard errors of the
    difference, taken as if each student had been asked other items, which is too careful. One item
    has no standard error, so it tells nothing.
    """
    return f"{'; '.join(_facts(result))}."


def _facts(result: RunResult) -> Iterator[str]:
    yield f"{_points(result.test.gain)} on test"
    moves = {skill: change for skill, change in _changes(result).items() if change.n}
    risen = [s for s, c in sorted(moves.items(), key=lambda m: -m[1].mean) if _moved(c, 1)]
    fallen = [s for s, c in sorted(moves.items(), key=lambda m: m[1].mean) if _moved(c, -1)]
    if risen:
        yield f"most from {_list(risen)}"
    elif moves:
        yield "no skill rose for sure"
    if fallen:
        yield f"{_list(fallen)} fell"
    taught = {skill: sum(counts) for skill, counts in result.taught.items() if sum(counts)}
    idle = [s for s in taught if s in moves and not (_moved(moves[s], 1) or _moved(moves[s], -1))]
    if idle:
        share = sum(taught[skill] for skill in idle) / sum(taught.values())
        skills = "1 skill" if len(idle) == 1 else f"{len(idle)} skills"
        yield f"{share:.0%} of the examples went to {skills} that did not move"
    if not math.isnan(result.gap.mean):
        yield f"val - test gap {_points(result.gap, unit=False)}"


def _changes(result: RunResult) -> dict[str, Score]:
    """The change of each skill's accuracy on test, its error that of a difference of two means."""
    exam, none = result.test, Score.nothing()
    pairs = {s: (exam.skills_before.get(s, none), after) for s, after in exam.skills_after.items()}
    return {
        skill: Score(
            min(before.n, after.n),
            after.mean - before.mean,
            math.hypot(before.stderr, after.stderr),
        )
        for skill, (before, after) in pairs.items()
    }


def _moved(change: Score, sign: int) -> bool:
    return change.n > 1 and sign * change.mean > SURE * change.stderr


def _points(score: Score, *, unit: bool = True) -> str:
    """A difference of accuracies in points, hundredths."""
    shown = Score(score.n, 100 * score.mean, 100 * score.stderr).show("+.1f")
    return f"{shown} points" if unit and score.n else shown


def _list(skills: list[str]) -> str:
    more = len(skills) - _NAMED
    return ", ".join(skills[:_NAMED]) + (f" and {more} more" if more > 0 else "")
