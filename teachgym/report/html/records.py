"""The records a reader leafs through: the data, the student's answers, what was said of orders."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, cycle
from statistics import fmean
from typing import Literal

from teachgym.records import example_of_verdict
from teachgym.report.html.cells import Cell
from teachgym.report.html.page import Browser
from teachgym.report.html.pictures import data_uris
from teachgym.report.tables import Rows
from teachgym.report.teaching import step_columns
from teachgym.runs.files import read_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.taught import read_taught
from teachgym.shown import in_short
from teachgym.types import Example, Prediction, Provenance, Report

ACCEPTED = "accepted"
"""The verdict on examples that were trained on; others have the gate's reason."""
_CHANGES = ("right → wrong", "wrong → right", "still wrong", "still right", "not measured")
"""See ``change``, in the order in which answers are shown."""


@dataclass(frozen=True, slots=True)
class Written:
    """An example that was made in a run, and what became of it."""

    step: int
    """Environment step, counted from 1."""
    example: Example
    verdict: str
    """``accepted``, or the gate's reason."""
    detail: str
    """The gate's detail; empty for accepted ones."""
    loss: float | None = None
    """The loss when it was first met in training; None if unknown, and if it was kept out."""

    __repr__ = in_short

    @property
    def origin(self) -> Provenance:
        """The provenance; an empty one where nobody knows it."""
        return self.example.provenance or Provenance()


def read_written(folder: RunFolder, until: int | None = None) -> tuple[Written, ...]:
    """Every example of a run, accepted and kept out, in the order of the steps.

    ``until`` leaves out those of later steps, of which a run that is going on has some.
    """
    taught = read_taught(folder, going_on=until is not None)
    accepted = (Written(e.step, e, ACCEPTED, "", loss) for e, loss in taught)
    kept_out = (
        Written(r["step"], example_of_verdict(r), r["reason"], r["detail"])
        for r in read_lines(folder.rejected)
    )
    made = [w for w in (*accepted, *kept_out) if until is None or w.step <= until]
    return tuple(sorted(made, key=lambda written: written.step))


def example_browser(key: str, written: Iterable[Written]) -> Browser:
    """A browser of examples with their verdicts and where they came from."""
    made = list(written)
    return Browser(
        key,
        ("verdict", "step", "skill", "subskill", "written by", "difficulty", "kind"),
        (
            "prompt",
            "images",
            "target",
            "rejected response",
            "hint of the order",
            "derived from",
            "why not",
            "meta",
        ),
        [_example_row(w) for w in made],
        ("loss",),
        data_uris(w.example for w in made),
    )


def answer_browser(key: str, pairs: Iterable[tuple[Report, Report]]) -> Browser:
    """A browser of two students' answers to the same items, changed ones first.

    Args:
        key: unique within the page.
        pairs: a pair of reports per split.
    """
    answers = [
        (before.split, *both)
        for before, after in pairs
        for both in zip(before.predictions, after.predictions, strict=True)
    ]
    rows = sorted((_answer_row(*answer) for answer in answers), key=_place_of_change)
    texts = ("prompt", "images", "target", "untrained student", "best student", "scores", "parts")
    images = data_uris(before.example for _, before, _ in answers)
    return Browser(key, ("change", "split", "skill", "difficulty"), texts, rows, images=images)


def conversation(prediction: Prediction) -> str:
    r"""The student's turns, and the task's replies between them.

    Example:
        >>> from teachgym.types import Turn
        >>> said = Prediction(Example("1+1=", "2", "add"), "2", 1.0, turns=(Turn("3", "no"),))
        >>> conversation(said)
        '3\n\n[task] no\n\n[student] 2'
    """
    said = [piece for turn in prediction.turns for piece in (turn.response, turn.reply)]
    return _in_turns([*said, prediction.response], first="student")


def _asked(example: Example) -> str:
    """The prompt, with the turns that follow it."""
    return _in_turns(example.question.pieces, first="task")


def _in_turns(pieces: Sequence[str], *, first: Literal["task", "student"]) -> str:
    """The turns of task and student; each but the first is marked, for the page."""
    others = ("student", "task") if first == "task" else ("task", "student")
    marked = (f"[{who}] {piece}" for who, piece in zip(cycle(others), pieces[1:], strict=False))
    return "\n\n".join((pieces[0], *marked))


def change(before: float, after: float) -> str:
    """The change of an answer; right is a score of 1, nan an answer that nobody could grade.

    Example:
        >>> change(0.0, 1.0), change(1.0, 0.5), change(float("nan"), 1.0)
        ('wrong → right', 'right → wrong', 'not measured')
    """
    if math.isnan(before) or math.isnan(after):
        return "not measured"
    states = ["right" if score == 1 else "wrong" for score in (before, after)]
    return f"still {states[0]}" if states[0] == states[1] else " → ".join(states)


def change_rows(pairs: Iterable[tuple[Report, Report]]) -> Rows:
    """Header and a row per split: answers by what became of them."""
    rows = []
    for before, after in pairs:
        counts = Counter(change(*both) for both in zip(before.scores, after.scores, strict=True))
        rows.append((before.split, *(f"{counts[kind]:,}" for kind in _CHANGES)))
    return (("split", *_CHANGES), *rows)


def loss_rows(written: Iterable[Written]) -> list[list[str | Cell]]:
    """Header and a row per skill: mean loss of its examples, in all steps and by step.

    The largest mean is shaded most; without any known loss there is the header alone.
    """
    known = [(w.example.skill, w.step, w.loss) for w in written if w.loss is not None]
    column_of = step_columns(step for _, step, _ in known)
    found: dict[tuple[str, str], list[float]] = {}
    for skill, step, loss in known:
        found.setdefault((skill, column_of[step]), []).append(loss)
    columns = [*dict.fromkeys(column_of.values())]
    most = max(map(fmean, found.values()), default=0.0) or 1.0
    rows: list[list[str | Cell]] = [["skill", "all steps", *columns]]
    for skill in sorted({skill for skill, _ in found}):
        cells = [found.get((skill, column), []) for column in columns]
        rows.append([skill, *(_mean_cell(c, most) for c in ([*chain(*cells)], *cells))])
    return rows


def hint_rows(written: Sequence[Written]) -> Rows:
    """Header and a row per thing the teacher said of an order, with what was made for it."""
    made = Counter((_order(w), w.verdict == ACCEPTED) for w in written if w.origin.hint)
    rows = (
        (str(order[0]), *order[1:], str(made[order, True]), str(made[order, False]))
        for order in dict.fromkeys(order for order, _ in made)
    )
    return (("step", "skill", "subskill", "hint", "trained on", "kept out"), *rows)


def _order(written: Written) -> tuple[int, str, str, str]:
    made = written.origin
    return written.step, written.example.skill, made.subskill, made.hint


def _example_row(written: Written) -> list[str | None]:
    example, made = written.example, written.origin
    return [
        written.verdict,
        str(written.step),
        example.skill,
        made.subskill,
        made.teacher,
        _difficulty(example),
        example.kind,
        _asked(example),
        _images(example),
        example.target,
        example.rejected,
        made.hint or None,
        ", ".join(made.seeds) or None,
        written.detail or None,
        json.dumps(example.meta) if example.meta else None,
        None if written.loss is None else f"{written.loss:.3f}",
    ]


def _place_of_change(row: Sequence[str | None]) -> int:
    return _CHANGES.index(row[0] or "")


def _answer_row(split: str, before: Prediction, after: Prediction) -> list[str | None]:
    example = before.example
    return [
        change(before.score, after.score),
        split,
        example.skill,
        _difficulty(example),
        _asked(example),
        _images(example),
        example.target,
        conversation(before),
        conversation(after),
        f"{_score(before.score)} → {_score(after.score)}",
        _parts(before, after) or None,
    ]


def _parts(before: Prediction, after: Prediction) -> str:
    """The scores of the parts of two grades; empty where there are none."""
    names = dict.fromkeys((*before.parts, *after.parts))
    scores = {
        name: [_score(p.parts.get(name, math.nan)) for p in (before, after)] for name in names
    }
    return ", ".join(f"{name} {' → '.join(ends)}" for name, ends in scores.items())


def _mean_cell(losses: Sequence[float], most: float) -> str | Cell:
    return Cell(f"{fmean(losses):.2f}", fmean(losses) / most, f"n={len(losses)}") if losses else ""


def _images(example: Example) -> str | None:
    return "\n".join(example.images) or None


def _difficulty(example: Example) -> str:
    return "" if example.difficulty is None else f"{example.difficulty:.2f}"


def _score(score: float) -> str:
    return "not measured" if math.isnan(score) else f"{score:g}"


def by_step(lines: Iterable[Mapping[str, float]], prefix: str, what: str) -> Rows:
    """Header and a row per count of the prefix: ``what`` is its kind, then its sum by step."""
    steps = [line for line in lines if line["step"]]
    column_of = step_columns(int(line["step"]) for line in steps)
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in steps:
        for name in (name for name in line if name.startswith(prefix)):
            sums[name][column_of[int(line["step"])]] += int(line[name])
    columns = [*dict.fromkeys(column_of.values())]
    rows = (
        (name.removeprefix(prefix), *(f"{counts[column]:,}" for column in columns))
        for name, counts in sorted(sums.items())
    )
    return ((what, *columns), *rows)
