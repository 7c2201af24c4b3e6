"""A JSON object for each finished run: all that others read of a bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from math import isnan
from pathlib import Path
from typing import Any

from teachgym.benchmarks.bench.measures import Measures
from teachgym.benchmarks.bench.outcomes import Outcome
from teachgym.benchmarks.bench.runner import read_seconds
from teachgym.benchmarks.bench.suites import Cell, Suite
from teachgym.errors import ConfigError, RunError, require_known
from teachgym.records import Record
from teachgym.runs.files import read_json, stream_lines
from teachgym.runs.result import RunResult
from teachgym.settings import Share, check_value
from teachgym.types import Score

_DIGITS = 6
"""The digits of curves and measures, which are many."""

_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("suite", "arm", "against", "digest", "version"), str),
    "commit": str | None,
    **dict.fromkeys(("seed", "drawn"), int),
    "test_after": Share,
    "val_curve": list[float],
    "examples_by_step": list[int],
    "measures": dict[str, float],
}
"""The fields that are read of every line, by type."""


def read_run_lines(path: Path) -> Iterator[Record]:
    """The lines of a file, one at a time.

    Raises:
        RunError: for a line that is damaged, or not that of a run.
    """
    for number, line in enumerate(stream_lines(path), 1):
        require_run_line(line, f"{path}:{number}")
        yield line


def require_run_line(line: Any, where: str) -> None:
    """Raise ``RunError`` for what is not the line of a run; it begins with ``where``."""
    try:
        check_value("the line", line, dict[str, Any])
        for name, hint in _FIELDS.items():
            if name not in line:
                raise ConfigError(f"it has no {name!r}")
            check_value(name, line[name], hint)
        require_known("measure", line["measures"], [f.name for f in fields(Measures)])
        if len(line["val_curve"]) != len(line["examples_by_step"]) + 1:
            raise ConfigError(
                f"val_curve has {len(line['val_curve'])} values and examples_by_step "
                f"{len(line['examples_by_step'])}; it must have one more, of the untrained student"
            )
    except ConfigError as error:
        raise RunError(
            f"{where} is not the line of a run: {error}; restore it from a copy, or write it again "
            "from the folder of its bench"
        ) from error


def result_lines(
    suite: Suite, folder: Path, results: dict[tuple[str, int], RunResult]
) -> list[Record]:
    """The lines of the finished cells of a suite, by arm and seed."""
    cells = {(cell.arm.name, cell.seed): cell for cell in suite.cells()}
    return [
        _line(cells[key], folder / cells[key].path, run) for key, run in sorted(results.items())
    ]


def _line(cell: Cell, folder: Path, run: RunResult) -> Record:
    """The line of a run: its settings, digests of its items, its outcome and its cost."""
    written, outcome = read_json(folder / "config.json"), Outcome.of(run)
    return {
        "suite": f"{cell.suite.name}-v{cell.suite.version}",
        "arm": cell.arm.name,
        "control": cell.arm.control,
        "against": cell.suite.compared(cell.arm),
        "condition": cell.arm.condition,
        "seed": cell.seed,
        "digest": cell.digest,
        "commit": written["commit"],
        "version": written["versions"]["teachgym"],
        "drawn": cell.drawn,
        "seeded": list(cell.suite.seeded),
        "data": {name: digest[:12] for name, digest in written["data"].items()},
        "test_before": run.test.before.mean,
        "test_after": outcome.test,
        "gap": outcome.gap,
        **({"figures": dict(outcome.figures)} if outcome.figures else {}),
        **({"with_aids": list(outcome.with_aids)} if outcome.with_aids else {}),
        "skills": _compared(run.test.skills_before, run.test.skills_after),
        "levels": _compared(run.test.levels_before, run.test.levels_after),
        "val_curve": _rounded(outcome.curve),
        "examples_by_step": list(outcome.examples_by_step),
        "measures": {
            name: round(value, _DIGITS)
            for name, value in asdict(outcome.measures).items()
            if not isnan(value)
        },
        **outcome.spent,
        "seconds": round(max(run.spent.seconds, read_seconds(folder)), 2),
    }


def _compared(before: Mapping[str, Score], after: Mapping[str, Score]) -> dict[str, list[Any]]:
    """By name: items, accuracy of the untrained student, accuracy of the best."""
    return {
        name: [score.n, *_rounded([before[name].mean, score.mean])]
        for name, score in after.items()
        if score.n
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]
