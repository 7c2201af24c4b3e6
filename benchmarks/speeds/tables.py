"""Results as Markdown, for people, and as JSON, for machines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from teachgym.benchmarks.speeds.measure import Runs
from teachgym.benchmarks.speeds.probes import Rates
from teachgym.benchmarks.speeds.results import (
    CaseResult,
    Spread,
    Verdict,
    fixed_costs,
    growth,
    paces,
)
from teachgym.benchmarks.speeds.workloads import OWN
from teachgym.benchmarks.speeds.workloads_gpu import GOALS


@dataclass(frozen=True)
class Report:
    """One run of the benchmark."""

    facts: Mapping[str, Any]
    """Hardware, versions, settings."""
    rates: Rates
    results: tuple[CaseResult, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def device(self) -> str:
        """What was measured, ``cpu`` or ``cuda``."""
        return str(self.facts["device"])


def to_json(report: Report) -> dict[str, Any]:
    """Everything, each sample included."""
    return {
        "facts": dict(report.facts),
        "rates": asdict(report.rates),
        "gates": [
            {
                **asdict(v.gate),
                "ratio": asdict(v.ratio) if v.ratio else None,
                "met": v.met,
                "reason": v.reason,
            }
            for v in report.verdicts
        ],
        "cases": [_case_json(result) for result in report.results],
    }


def _case_json(result: CaseResult) -> dict[str, Any]:
    return {
        "case": asdict(result.case),
        "fill": _finite(result.fill),
        "floors": {students: asdict(floor) for students, floor in result.floors.items()},
        "read_tokens": result.read_tokens,
        "new_tokens": result.new_tokens,
        "systems": [
            {
                "name": runs.name,
                "students": runs.students,
                "trouble": runs.trouble,
                "ratio": asdict(ratio) if (ratio := result.ratio(runs.name)) else None,
                "equal_tokens": _finite(runs.equal_tokens),
                "loss_error": _finite(runs.loss_error),
                "peak_bytes": runs.peak_bytes,
                "losses": runs.rounds[-1].curve.losses
                if runs.rounds and runs.rounds[-1].curve
                else [],
                "rounds": [
                    {"training": asdict(r.training), "answering": asdict(r.answering)}
                    for r in runs.rounds
                ],
            }
            for runs in result.runs
        ],
    }


def _finite(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else value


def to_markdown(report: Report) -> str:
    """The report; readable as it is."""
    parts = [
        f"# Speed on {report.facts['hardware']}",
        _facts(report),
        _gates(report),
        *(_case(result) for result in report.results),
        *_episodes(report.results),
        *_fixed(report.results),
        *_goals(report),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns without a single entry are left out."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    head, rows = [head[i] for i in kept], [[row[i] for i in kept] for row in rows]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def show_spread(spread: Spread | None, digits: int = 2) -> str:
    """``2.41 [2.38, 2.52]``; empty for None and nan."""
    if spread is None or math.isnan(spread.median):
        return ""
    return f"{spread.median:.{digits}f} [{spread.low:.{digits}f}, {spread.high:.{digits}f}]"


def _facts(report: Report) -> str:
    facts, clock = report.facts, "CPU" if report.device == "cpu" else "wall"
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['date']}, commit {facts['commit']}, {facts['threads']} thread(s), {versions}.\n\n"
        f"Probes of this run: matmul {report.rates.flops / 1e12:.3g} TFLOP/s, copy "
        f"{report.rates.bandwidth / 1e9:.3g} GB/s, {report.rates.itemsize} bytes a number. Floors "
        "are computed from them.\n\n"
        "Medians of interleaved rounds after a warm-up, quartiles in brackets. Ratios are of "
        f"{clock} seconds a student, round by round; a system whose work was not equal (losses of "
        "every update, tokens of every answer) has none. Weights are random, and made so that "
        "answers have the lengths asked for."
    )


def _gates(report: Report) -> str:
    rows = [
        [
            v.gate.title,
            show_spread(v.ratio) or v.reason,
            f"≥ {v.gate.least:g}",
            "met" if v.met else "**not met**",
        ]
        for v in report.verdicts
    ]
    head = ["gate", "measured ratio", "promised", ""]
    return "## Gates\n\n" + (table(head, rows) if rows else "None of their cases was run.")


def _case(result: CaseResult) -> str:
    case = result.case
    filled = "" if math.isnan(result.fill) else f" Padded batches are {result.fill:.0%} full."
    floor = result.floors[case.students]
    rounds = max(len(runs.rounds) for runs in result.runs)
    sections = [
        f"## {case.workload} {case.name}: {case.shape}",
        f"{case.title}.{filled} {rounds} round(s), checked against {case.reference}; floor "
        f"{floor.training:.3g} s training + {floor.answering:.3g} s answering.",
        table(
            [
                "system",
                "training s",
                "answering s",
                "total s",
                "wall s",
                f"times {case.subject}" + (", a student" if case.workload == "W3" else ""),
                "trained tokens/s",
                "new tokens/s",
                "of floor",
                "equal tokens",
                "loss error",
                "peak GB",
                "",
            ],
            [_row(result, runs) for runs in result.runs],
        ),
    ]
    if found := growth(result):
        rows = [[str(k), f"{cost:.2f}", f"{gain:.2f}"] for k, (cost, gain) in found.items()]
        sections.append(table(["K", "cost(K) / cost(1)", "K cost(1) / cost(K)"], rows))
    return "\n\n".join(sections)


def _row(result: CaseResult, runs: Runs) -> list[str]:
    part = runs.students / result.case.students
    training, answering = (result.median(runs, p).median for p in ("training", "answering"))
    steps = result.case.steps
    return [
        runs.name,
        _number(training or math.nan, ".3f"),  # 0: there was no such work
        _number(answering or math.nan, ".3f"),
        show_spread(result.median(runs), 3),
        show_spread(result.median(runs, clock="wall"), 3),
        show_spread(result.ratio(runs.name)),
        _number(result.read_tokens * part / training if training else math.nan, ",.0f"),
        _number(result.new_tokens * steps * part / answering if answering else math.nan, ",.0f"),
        _number(result.share_of_floor(runs), ".1%"),
        _number(runs.equal_tokens, ".4f"),
        _number(runs.loss_error, ".0e"),
        _number(runs.peak_bytes / 1e9 or math.nan, ".1f"),
        runs.trouble,
    ]


def _number(value: float, form: str) -> str:
    """Empty for nan."""
    return "" if math.isnan(value) else format(value, form)


def _episodes(results: Sequence[CaseResult]) -> Iterator[str]:
    rows = []
    for result in results:
        for runs in result.runs:
            if result.case.workload == "W5" and not runs.trouble:
                seconds = result.median(runs, clock="wall").median / result.case.steps
                rows += [
                    [
                        result.case.name,
                        runs.name,
                        f"{pace.latency:g}",
                        "one by one" if pace.calls > 1 else "at once",
                        f"{pace.per_hour:,.0f}",
                        f"{pace.idle:.0%}",
                    ]
                    for pace in paces(seconds)
                ]
    if rows:
        head = ["case", "system", "s a call", "12 calls", "env-steps/hour", "device idle"]
        yield "## W5 with a teacher of fixed latency\n\n" + table(head, rows)


def _fixed(results: Sequence[CaseResult]) -> Iterator[str]:
    costs = fixed_costs(results, OWN)
    if costs:
        rows = [[shape, f"{seconds:.3f}"] for shape, seconds in costs.items()]
        head = ["student", "s a cycle without examples, answers included"]
        yield "## Fixed cost\n\n" + table(head, rows)


def _goals(report: Report) -> Iterator[str]:
    rows = []
    by_name = {result.case.name: result for result in report.results}
    for goal in GOALS:
        result = by_name.get(goal.case)
        runs = result.run(OWN) if result else None
        if result and runs and not runs.trouble:
            training, answering = (result.median(runs, p).median for p in ("training", "answering"))
            rows.append(
                [
                    result.case.shape,
                    f"{training + answering:.2f} (≤ {goal.seconds:g})",
                    f"{result.floors[1].training / training:.0%} (≥ {goal.share:.0%})",
                    f"{result.new_tokens / answering:,.0f} (≥ {goal.tokens_per_second:,.0f})",
                ]
            )
    if rows:
        head = ["student", "cycle s (goal)", "of matmul rate (goal)", "new tokens/s (goal)"]
        yield "## Goals on one H200\n\n" + table(head, rows)
