"""The section on stress: each teacher against the reference under the same condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow, show_p
from teachgym.benchmarks.bench.statistics import FEWEST
from teachgym.benchmarks.bench.suites import Arm
from teachgym.benchmarks.pages.captions import INTERVALS, errors
from teachgym.benchmarks.pages.material import UNKNOWN, BenchMaterial, name_condition
from teachgym.report.charts import Chart, Mark, radar_chart
from teachgym.report.html import Cell, Section, grid, html_table


class Coping(NamedTuple):
    """A teacher under a condition."""

    standing: LeaderboardRow
    """The standing of its arm; compared with another, on at least one seed."""
    chance: Mark
    """The chance that a run of it beats a run of its reference, see
    ``BenchMaterial.improvement``; 0.5 = as good."""


def teacher_of(arm: Arm) -> str:
    """Name of an arm without that of its condition: the same in all conditions.

    Example:
        >>> teacher_of(Arm("alp-rugged", "alp", condition="rugged"))
        'alp'
    """
    return arm.name.removesuffix(f"-{arm.condition}") if arm.condition else arm.name


def read_coping(bench: BenchMaterial) -> dict[str, dict[str, Coping]]:
    """By teacher and condition, in the order of the suite; only what has been compared."""
    lines = {line.arm: line for line in bench.standings}
    table: dict[str, dict[str, Coping]] = {}
    for arm in bench.suite.arms:
        line = lines[arm.name]
        if line.against is not None:
            chance = bench.improvement(line.arm, line.reference)
            table.setdefault(teacher_of(arm), {})[arm.condition] = Coping(line, chance)
    return table


_NOTE = "chance to beat the reference; dashed: 0.5"


def stress_section(bench: BenchMaterial) -> Section:
    """A table of conditions and teachers, and a radar for each teacher."""
    counts = [len(runs) for runs in bench.runs.values()]
    intro = (
        "Test accuracy minus that of the reference under the same condition: mean of the paired "
        f"differences ({errors(counts)}), and its p-value, where there is one, adjusted for all "
        "comparisons (Holm). Accuracies under different conditions cannot be compared. "
        + _about_chances(counts, " with the same seed" * bool(bench.suite.seeded))
    )
    table = read_coping(bench)
    radars = [
        radar_chart({teacher: marks}, teacher, note=_NOTE, at=0.5)
        for teacher, marks in _profiles(bench, table).items()
    ]
    parts = [html_table(_rows(list(bench.panels), table)), *([grid(radars)] if radars else [])]
    return Section("stress", "Under stress", intro, parts)


def _about_chances(counts: Sequence[int], paired: str) -> str:
    if max(counts) < FEWEST:
        return f"Chances to beat the reference are left out: they take {FEWEST} runs of both."
    few = min(counts) < FEWEST
    return (
        f"Shades and radars show the chance that a run beats a run of the reference{paired}"
        + f", where both have {FEWEST} runs" * few
        + f". Whiskers are {INTERVALS}. On the dashed ring both are equally good, outside it the "
        "teacher is better."
    )


def _rows(
    conditions: Sequence[str], table: Mapping[str, Mapping[str, Coping]]
) -> list[Sequence[str | Cell]]:
    rows: list[Sequence[str | Cell]] = [("condition", *table)]
    for condition in conditions:
        cells = (_cell(own.get(condition)) for own in table.values())
        rows.append((name_condition(condition), *cells))
    return rows


def _cell(coping: Coping | None) -> str | Cell:
    if coping is None:
        return ""
    line, chance = coping
    assert line.against is not None
    p = "" if math.isnan(line.p) else f", p {show_p(line.p)}"
    text = f"{line.against.difference.show('+.4f')}{p}"
    return text if math.isnan(chance.low) else Cell(text, 2 * chance.value - 1, chance.note)


def stress_chart(bench: BenchMaterial) -> Chart | None:
    """The radars of all teachers in one chart; None where nothing was compared."""
    profiles = _profiles(bench, read_coping(bench))
    note = f"{_NOTE}; {INTERVALS}"
    return radar_chart(profiles, "Under stress", note=note, at=0.5) if profiles else None


def _profiles(
    bench: BenchMaterial, table: Mapping[str, Mapping[str, Coping]]
) -> dict[str, dict[str, Mark]]:
    """Chances to beat the reference by teacher and condition; only teachers with any."""
    known = {
        teacher: {c: mark for c, (_, mark) in own.items() if not math.isnan(mark.low)}
        for teacher, own in table.items()
    }
    return {
        teacher: {name_condition(c): own.get(c, UNKNOWN) for c in bench.panels}
        for teacher, own in known.items()
        if own
    }
