"""Report the results: ratios of each round, as Markdown and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from teachgym.benchmarks.speed.cases import OWN, PACE, SHARE, Case, Goal
from teachgym.benchmarks.speed.floors import Floor, Rates
from teachgym.benchmarks.speed.measure import Runs
from teachgym.report.tables import markdown_rows, tabulate


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
    """A case with its measurements."""

    case: Case
    runs: Sequence[Runs]
    clock: str
    """The compared seconds: ``cpu`` on a CPU, ``wall`` on a GPU."""
    floor: Floor
    n_new: int
    """Tokens of all answers of a round, with their end tokens."""

    def ratio(self, system: str) -> Spread | None:
        """Return the system's seconds divided by this project's, over rounds.

        None if either has trouble, because unequal work is not compared.
        """
        by_name = {runs.name: runs for runs in self.runs}
        other, own = by_name[system], by_name[OWN]
        if other.trouble or own.trouble:
            return None
        pairs = zip(other.rounds, own.rounds, strict=True)
        return Spread.of([a.total(self.clock) / b.total(self.clock) for a, b in pairs])

    def median(self, runs: Runs, part: str) -> float:
        """Return the median seconds of ``training`` or ``answering``; nan without rounds."""
        found = [getattr(getattr(outcome, part), self.clock) for outcome in runs.rounds]
        return float(np.median(found)) if found else math.nan

    def share(self, runs: Runs) -> float:
        """Return training's arithmetic rate as a share of that of a matrix product.

        Nan without rounds, and for objectives that take more arithmetic than cross entropy.
        """
        plain = self.case.training and self.case.training.objective == "sft"
        return self.floor.training / self.median(runs, "training") if plain else math.nan

    def pace(self, runs: Runs) -> float:
        """Return new tokens per second; nan without rounds."""
        return self.n_new / self.median(runs, "answering") if self.case.asking else math.nan

    def found(self, of: str) -> float:
        """Return the number that a goal is about (``Goal.of``); nan if it cannot be compared."""
        (own,) = (runs for runs in self.runs if runs.name == OWN)
        if of in (SHARE, PACE):
            if own.trouble:
                return math.nan
            return self.share(own) if of == SHARE else self.pace(own)
        ratio = self.ratio(of)
        return ratio.median if ratio else math.nan


def to_json(
    facts: Mapping[str, Any], rates: Rates, results: Sequence[CaseResult]
) -> dict[str, Any]:
    """Return all results with every sample."""
    cases = [_case_json(result) for result in results]
    return {"facts": dict(facts), "rates": asdict(rates), "cases": cases}


def _case_json(result: CaseResult) -> dict[str, Any]:
    return {
        "case": asdict(result.case),
        "floor": asdict(result.floor),
        "new_tokens": result.n_new,
        "share": _or_none(result.found(SHARE)),
        "pace": _or_none(result.found(PACE)),
        "goals": [
            {**asdict(goal), "found": _or_none(result.found(goal.of))} for goal in result.case.goals
        ],
        "systems": [
            {
                "name": runs.name,
                "trouble": runs.trouble,
                "ratio": asdict(ratio) if (ratio := result.ratio(runs.name)) else None,
                "equal_tokens": _or_none(runs.equal_tokens),
                "loss_error": _or_none(runs.loss_error),
                "rounds": [
                    {
                        "training": asdict(r.training),
                        "answering": asdict(r.answering),
                        "losses": r.curve and r.curve.losses,
                        "peak_bytes": r.peak_bytes,
                    }
                    for r in runs.rounds
                ],
            }
            for runs in result.runs
        ],
    }


def to_markdown(
    facts: Mapping[str, Any],
    rates: Rates,
    results: Sequence[CaseResult],
    left_out: Sequence[str] = (),
) -> str:
    """Return the report; ``left_out`` names the cases for which there was no time."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    clock = "CPU" if facts["device"] == "cpu" else "wall"
    about = (
        f"{facts['date']}, commit {facts['commit']}, {facts['threads']} thread(s), {versions}.\n\n"
        f"Measured in this run: a matrix product {rates.flops / 1e12:.3g} TFLOP/s, a copy "
        f"{rates.bandwidth / 1e9:.3g} GB/s, {rates.itemsize} bytes a number. *Of matmul* is the "
        "time that training would take if all its arithmetic ran at that rate, divided by the time "
        "it took.\n\n"
        "Medians of interleaved rounds after a warm-up, quartiles in brackets. Ratios are of "
        f"{clock} seconds, round by round; a system whose work was not equal (losses of every "
        "update of the first epoch and of the run, a gradient for every tensor, tokens of every "
        "answer) has none. Weights are random, and made so that answers have the lengths asked for."
    )
    if facts["device"] == "cuda":
        about += " *Peak GB* is of tensors, without what captured steps keep for their temporaries."
    parts = [f"# Speed on {facts['hardware']}", about]
    if goals := tabulate(_goal_row(r, goal) for r in results for goal in r.case.goals):
        parts += ["## Goals", markdown_rows(goals)]
    if left_out:
        parts.append(f"Not run, since time did not last: {', '.join(left_out)}.")
    return "\n\n".join([*parts, *map(_case_markdown, results)]) + "\n"


def _goal_row(result: CaseResult, goal: Goal) -> dict[str, str]:
    found = result.found(goal.of)
    return {
        "case": result.case.name,
        "what": goal.of if goal.of in (SHARE, PACE) else f"times {OWN}: {goal.of}",
        "found": _number(found, ",.3g"),
        "at least": f"{goal.least:,.6g}",
        "aim": "" if goal.aim is None else f"{goal.aim:,.6g}",
        "": "not measured" if math.isnan(found) else "met" if found >= goal.least else "missed",
    }


def _case_markdown(result: CaseResult) -> str:
    case = result.case
    rounds = max(len(runs.rounds) for runs in result.runs)
    return "\n\n".join(
        (
            f"## {case.name}: {case.shape}",
            f"{case.title}. {rounds} round(s), checked against {case.reference}.",
            markdown_rows(tabulate(_row(result, runs) for runs in result.runs)),
        )
    )


def _row(result: CaseResult, runs: Runs) -> dict[str, str]:
    training, answering = (
        result.median(runs, part) if asked else math.nan
        for part, asked in (("training", result.case.training), ("answering", result.case.asking))
    )
    peak = max((r.peak_bytes for r in runs.rounds), default=0)
    return {
        "system": runs.name,
        "training s": _number(training, ".3f"),
        "of matmul": _number(result.share(runs), ".1%"),
        "answering s": _number(answering, ".3f"),
        "new tokens/s": _number(result.pace(runs), ",.0f"),
        f"times {OWN}": str(result.ratio(runs.name) or ""),
        "equal tokens": _number(runs.equal_tokens, ".4f"),
        "loss error": _number(runs.loss_error, ".0e"),
        "peak GB": f"{peak / 2**30:.1f}" if peak else "",
        "trouble": runs.trouble,
    }


def _number(value: float, form: str) -> str:
    """Format a number; empty for nan."""
    return "" if math.isnan(value) else format(value, form)


def _or_none(value: float) -> float | None:
    """Return the number, or None for nan, which JSON lacks."""
    return None if math.isnan(value) else value
