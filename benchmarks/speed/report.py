"""Results: ratios round by round, as Markdown for people and as JSON for machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from teachgym.benchmarks.speed.cases import OWN, Case
from teachgym.benchmarks.speed.measure import Runs
from teachgym.report.tables import markdown_rows


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles; they coincide for one sample."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value.

        Example:
            >>> Spread.of([3.0, 1.0, 2.0])
            Spread(median=2.0, low=1.5, high=2.5)
        """
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        return cls(float(median), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class CaseResult:
    """A case with everything that was measured."""

    case: Case
    runs: Sequence[Runs]
    clock: str
    """Seconds that are compared: ``cpu`` on a CPU, ``wall`` on a GPU."""

    def ratio(self, system: str) -> Spread | None:
        """How many times this project's seconds the system takes, round by round.

        None if either of them has trouble: unequal work is not compared.
        """
        by_name = {runs.name: runs for runs in self.runs}
        other, own = by_name[system], by_name[OWN]
        if other.trouble or own.trouble:
            return None
        pairs = zip(other.rounds, own.rounds, strict=True)
        return Spread.of([a.total(self.clock) / b.total(self.clock) for a, b in pairs])

    def median(self, runs: Runs, part: str) -> float:
        """Seconds of a round, ``training`` or ``answering``; nan without rounds."""
        found = [getattr(getattr(outcome, part), self.clock) for outcome in runs.rounds]
        return float(np.median(found)) if found else math.nan


def to_json(facts: Mapping[str, Any], results: Sequence[CaseResult]) -> dict[str, Any]:
    """Everything, each sample included."""
    return {"facts": dict(facts), "cases": [_case_json(result) for result in results]}


def _case_json(result: CaseResult) -> dict[str, Any]:
    return {
        "case": asdict(result.case),
        "systems": [
            {
                "name": runs.name,
                "trouble": runs.trouble,
                "ratio": asdict(ratio) if (ratio := result.ratio(runs.name)) else None,
                "equal_tokens": None if math.isnan(runs.equal_tokens) else runs.equal_tokens,
                "loss_error": None if math.isnan(runs.loss_error) else runs.loss_error,
                "rounds": [
                    {"training": asdict(r.training), "answering": asdict(r.answering)}
                    for r in runs.rounds
                ],
            }
            for runs in result.runs
        ],
    }


def to_markdown(facts: Mapping[str, Any], results: Sequence[CaseResult]) -> str:
    """The report; readable as it is."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    clock = "CPU" if facts["device"] == "cpu" else "wall"
    about = (
        f"{facts['date']}, commit {facts['commit']}, {facts['threads']} thread(s), {versions}.\n\n"
        "Medians of interleaved rounds after a warm-up, quartiles in brackets. Ratios are of "
        f"{clock} seconds, round by round; a system whose work was not equal (losses of every "
        "update, tokens of every answer) has none. Weights are random, and made so that answers "
        "have the lengths asked for."
    )
    parts = [f"# Speed on {facts['hardware']}", about, *map(_case_markdown, results)]
    return "\n\n".join(parts) + "\n"


def _case_markdown(result: CaseResult) -> str:
    case = result.case
    rounds = max(len(runs.rounds) for runs in result.runs)
    head = (
        "system",
        "training s",
        "answering s",
        f"times {OWN}",
        "equal tokens",
        "loss error",
        "trouble",
    )
    rows = [_row(result, runs) for runs in result.runs]
    return "\n\n".join(
        (
            f"## {case.name}: {case.shape}",
            f"{case.title}. {rounds} round(s), checked against {case.reference}.",
            markdown_rows([head, *rows]),
        )
    )


def _row(result: CaseResult, runs: Runs) -> tuple[str, ...]:
    return (
        runs.name,
        _number(result.median(runs, "training") if result.case.training else math.nan, ".3f"),
        _number(result.median(runs, "answering") if result.case.asking else math.nan, ".3f"),
        str(result.ratio(runs.name) or ""),
        _number(runs.equal_tokens, ".4f"),
        _number(runs.loss_error, ".0e"),
        runs.trouble,
    )


def _number(value: float, form: str) -> str:
    """The number; empty for nan."""
    return "" if math.isnan(value) else format(value, form)
