"""Tables of a finished run, for trackers that take more than numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from teachgym.records import Record, example_of_verdict, example_to_json
from teachgym.runs.checkpoints import read_report
from teachgym.runs.files import read_json, read_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.taught import read_taught
from teachgym.types import EXERCISE, Report

RowT = TypeVar("RowT")

EXAMPLE_COLUMNS = (
    *("step", "verdict", "detail", "loss", "skill", "difficulty"),
    *("prompt", "target", "source", "teacher", "id", "kind", "meta"),
)
ERROR_COLUMNS = ("skill", "difficulty", "prompt", "target", "response", "score", "id")


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows of a table, and how many it has."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """Shape (n_rows, n_columns)."""
    of: int
    """Rows there are in all, >= n_rows."""


def tables(run: RunFolder, *, limit: int) -> Iterator[Table]:
    """The tables of a run that has ended, each of at most ``limit`` rows, evenly spread.

    ``examples`` has every example a teacher handed in, by step, with the gate's verdict:
    ``accepted``, or the reason it was kept out. Of an accepted one it has the loss. ``errors/val``
    and ``errors/test`` have the wrong answers of the student that was best on ``val``.

    Raises:
        RunError: if the run has not ended, or is damaged.
    """
    rows = _example_rows(run)
    yield Table("examples", EXAMPLE_COLUMNS, spread(rows, limit), len(rows))
    best = read_json(run.result)["best_step"]
    answers = {
        "errors/val": read_report(run.val_predictions(best), "val"),
        "errors/test": read_report(run.test_predictions("best"), "test"),
    }
    for name, report in answers.items():
        parts = tuple(report.by_part())
        rows = _error_rows(report, parts)
        columns = (*ERROR_COLUMNS, *(f"part/{part}" for part in parts))
        yield Table(name, columns, spread(rows, limit), len(rows))


def spread(rows: Sequence[RowT], limit: int) -> tuple[RowT, ...]:
    """At most ``limit`` of the rows, in order, the first one and others at even distances.

    Example:
        >>> spread("abcdef", 3)
        ('a', 'c', 'e')
    """
    kept = min(limit, len(rows))
    return tuple(rows[i * len(rows) // kept] for i in range(kept))


def _example_rows(run: RunFolder) -> list[tuple[Any, ...]]:
    accepted = [
        _example_row(
            example_to_json(example),
            step=example.step,
            verdict="accepted",
            loss=loss,
        )
        for example, loss in read_taught(run)
    ]
    rejected = [
        _example_row(
            example_to_json(example_of_verdict(line)),
            step=line["step"],
            verdict=line["reason"],
            detail=line["detail"],
        )
        for line in read_lines(run.rejected)
    ]
    return sorted(accepted + rejected, key=lambda row: row[0])  # stable: accepted ones first


def _example_row(example: Record, **known: Any) -> tuple[Any, ...]:
    made = example["provenance"] or {}
    meta = json.dumps(example["meta"]) if "meta" in example else None
    values = {"kind": EXERCISE, **example, "teacher": made.get("teacher"), "meta": meta, **known}
    return tuple(values.get(column) for column in EXAMPLE_COLUMNS)


def _error_rows(report: Report, parts: Sequence[str]) -> list[tuple[Any, ...]]:
    return [
        (
            *(e.skill, e.difficulty, p.question.transcript, e.target, p.response, p.score, e.id),
            *(p.parts.get(part) for part in parts),
        )
        for p in report.errors
        for e in (p.example,)
    ]
