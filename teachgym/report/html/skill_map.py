"""The skills of a run as a map: accuracy by step, and what that is worth on test."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import fmean

from teachgym.report.html.cells import Cell, Records
from teachgym.report.html.material import RunSoFar
from teachgym.report.html.records import ACCEPTED
from teachgym.report.teaching import MOST_COLUMNS, skill_gains
from teachgym.types import Report, Score

ROOT = "root"
"""Name of the column by which rows can be chosen."""


def skill_map(run: RunSoFar, exam: tuple[Report, Report] | None) -> list[list[str | Cell]]:
    """Header and a row per skill, by root, those with the largest gains first.

    Columns of steps, by their number, have the accuracy on ``val`` in hundredths, shaded by it; the
    tooltip has its error and n, and how many examples of the skill had been trained on until then.

    Args:
        run: whose skills.
        exam: answers of the untrained and the best student to ``test``; None = there was none yet,
            then gains are those on ``val``, and no skill leads to answers.
    """
    ends = (run.val[0], run.val[max(run.val)])
    gains = skill_gains(*(report.predictions for report in exam or ends))
    steps = _spread([*run.val])
    scores = {step: run.val[step].by_skill() for step in steps}
    taught: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for written in run.written:
        if written.verdict == ACCEPTED:
            taught[written.example.skill][written.step] += 1
    most = max((_until(taught[skill], steps[-1]) for skill in gains), default=0) or 1
    names = ["gain on test", "untrained", "best"] if exam else ["gain on val", "untrained", "now"]
    roots: Mapping[str, str] = run.config.get("roots", {})  # Absent from runs of before 0.2.
    rows: list[list[str | Cell]] = [["skill", ROOT, *names, "examples", *map(str, steps)]]
    for skill in _ordered({skill: gain for skill, (*_, gain) in gains.items()}, roots):
        before, after, gain = gains[skill]
        count = _until(taught[skill], steps[-1])
        rows.append(
            [
                Cell(skill, records=Records("answers", "skill", skill) if exam else None),
                roots.get(skill, ""),
                Cell(gain.show("+.3f"), gain.mean if gain.n else None, f"{skill}: {gain}"),
                *(Cell(score.show(".2f"), note=str(score)) for score in (before, after)),
                Cell(f"{count:,}", count / most, records=Records("examples", "skill", skill)),
                *(_step(skill, step, scores[step].get(skill), taught[skill]) for step in steps),
            ]
        )
    return rows


def _ordered(gains: Mapping[str, Score], roots: Mapping[str, str]) -> list[str]:
    """Skills by root, the root with the largest mean gain first, and by gain within; then others.

    Example:
        >>> gains = {skill: Score(9, gain, 0.1) for skill, gain in zip("abc", (0.1, 0.4, 0.2))}
        >>> _ordered(gains, {"a": "r", "b": "r", "c": "s"}), _ordered(gains, {})
        (['b', 'a', 'c'], ['b', 'c', 'a'])
    """
    trees: defaultdict[str, list[float]] = defaultdict(list)
    for skill, gain in gains.items():
        if gain.n:
            trees[roots.get(skill, "")].append(gain.mean)
    means = {root: fmean(own) for root, own in trees.items()}

    def key(skill: str) -> tuple[bool, float, str, bool, float]:
        root, gain = roots.get(skill, ""), gains[skill]
        return root not in means, -means.get(root, 0.0), root, not gain.n, -gain.mean

    return sorted(gains, key=key)


def _step(skill: str, step: int, score: Score | None, taught: Counter[int]) -> Cell:
    if score is None or not score.n:
        return Cell("")
    made = f"{_until(taught, step):,} examples so far"
    return Cell(f"{100 * score.mean:.0f}", score.mean, f"{skill}, step {step}: {score}; {made}")


def _until(taught: Counter[int], step: int) -> int:
    """The number of a skill's examples that had been trained on after a step."""
    return sum(count for when, count in taught.items() if when <= step)


def _spread(steps: list[int]) -> list[int]:
    """Some of the steps, evenly, the first and the last among them.

    Example:
        >>> _spread([0, 1, 2]), _spread([*range(99)])[-3:]
        ([0, 1, 2], [92, 96, 98])
    """
    every = -(-len(steps) // MOST_COLUMNS)
    return [*dict.fromkeys([*steps[::every], steps[-1]])]
