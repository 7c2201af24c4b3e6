"""The outcomes that tables need of a finished run, from its result or its recorded line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from teachgym.benchmarks.bench.measures import Measures, examples_by_step
from teachgym.records import Record
from teachgym.runs.result import RunResult
from teachgym.types import Cost, FrozenDict

SPENT = (*Cost().as_dict(), "rejected")
"""The names in ``Outcome.spent``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run, as tables see it."""

    test: float
    """Accuracy on test of the student that was best on val."""
    gap: float = math.nan
    """Gain on val minus gain on test (``RunResult.gap``)."""
    curve: tuple[float, ...] = ()
    """Accuracy on val, untrained and after each step, shape (steps + 1,)."""
    examples_by_step: tuple[int, ...] = ()
    """Examples trained on, shape (steps,)."""
    measures: Measures = field(default_factory=Measures)
    figures: Mapping[str, float] = FrozenDict()
    """Metrics of the task on test besides accuracy."""
    with_aids: tuple[float, float] | None = None
    """Accuracy on val without and with aids (``RunResult.with_aids``)."""
    spent: Mapping[str, float] = FrozenDict()
    """Amounts above 0 by currency, and of ``rejected`` examples."""

    @property
    def examples(self) -> float:
        """All that the budget was charged for."""
        return self.spent.get("examples", 0)

    @classmethod
    def of(cls, run: RunResult) -> Outcome:
        """The outcome of a run by its result."""
        aids = run.with_aids
        costs = run.spent.as_dict() | {"rejected": sum(run.rejected.values())}
        return cls(
            run.test.after.mean,
            run.gap.mean,
            tuple(point.mean for point in run.curve),
            tuple(examples_by_step(run)),
            Measures.of(run),
            {name: score.mean for name, score in run.test.figures_after.items() if score.n},
            (aids[0].mean, aids[1].mean) if aids else None,
            {name: n for name, n in costs.items() if n},
        )

    @classmethod
    def of_line(cls, line: Record) -> Outcome:
        """The outcome of a run by its line (``lines.result_lines``)."""
        aids = line.get("with_aids")
        return cls(
            line["test_after"],
            line.get("gap", math.nan),
            tuple(line["val_curve"]),
            tuple(line["examples_by_step"]),
            Measures(**line["measures"]),
            line.get("figures", {}),
            (aids[0], aids[1]) if aids else None,
            {name: line[name] for name in SPENT if name in line},
        )


Outcomes = Mapping[tuple[str, int], Outcome]
"""Outcomes by name of the arm and seed; unfinished cells are left out."""


def outcomes_of(results: Mapping[tuple[str, int], RunResult]) -> Outcomes:
    """The outcomes of results."""
    return {key: Outcome.of(run) for key, run in results.items()}


def read_outcomes(lines: Iterable[Record]) -> Outcomes:
    """The outcomes of the lines of one bench."""
    return {(line["arm"], line["seed"]): Outcome.of_line(line) for line in lines}
