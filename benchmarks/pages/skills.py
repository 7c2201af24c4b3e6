"""The section on skills: which of them gained, for the leading arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from statistics import fmean

import numpy as np

from teachgym.benchmarks.pages.captions import errors
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.skill_gains import (
    BANDS,
    QUALITIES,
    Quality,
    SkillGain,
    correlate,
    fifths_of,
    mean_gain,
    skill_gains,
)
from teachgym.report.captions import show_mean
from teachgym.report.charts import Chart, Frame, Line, Point, estimate_mark, line_chart
from teachgym.report.html import Section, figure, grid, html_table
from teachgym.report.tables import Rows
from teachgym.types import Score

ArmGains = Mapping[str, Sequence[Sequence[SkillGain]]]
"""Gains of every run by arm."""


def skill_section(bench: BenchMaterial) -> Section:
    """Gains of the leading arms by difficulty and by share of the data."""
    intro = (
        "The best arms and what they are compared with. Difficulty is 1 - the untrained student's "
        "accuracy on val, the gain is on test (so chance in one is not in the other), the share is "
        "of the examples that the examined student had learned from. An easy skill has little left "
        "to gain, and a teacher that follows progress gives more to what has gained: only of one "
        "that does not adapt does the share say what frequency does."
    )
    gains = {
        arm: [skill_gains(result, bench.levels) for result in bench.by_seed[arm].values()]
        for arm in bench.leaders
    }
    note = (
        "Spearman's correlation over the skills of a run, mean over runs, with a 95 % bootstrap "
        "interval over skills and, from five runs on, over runs; gains are means over the skills "
        "of a third of the range of difficulty "
        f"({errors(map(len, gains.values()))})."
    )
    table = figure("What gains go with", note, html_table(correlation_rows(gains)))
    return Section("skills", "Gain by difficulty and rarity", intro, [table, grid(_charts(gains))])


def correlation_rows(gains: ArmGains) -> Rows:
    """Header and a row per arm: correlations of the gain, and the mean gain by difficulty.

    What no arm's gain can be correlated with, such as levels that all skills share, is left out.
    """
    found = {
        name: [correlate(runs, quality, np.random.default_rng(0)) for runs in gains.values()]
        for name, quality in QUALITIES.items()
    }
    known = {name: column for name, column in found.items() if any(column)}
    rows = []
    for number, (arm, runs) in enumerate(gains.items()):
        means = (mean_gain(runs, band) for band in BANDS.values())
        rows.append(
            (
                f"{arm} (n={len(runs)})",
                *(str(column[number] or "none") for column in known.values()),
                *(show_mean(m, "+.3f", len(runs)) or "no skill" for m in means),
            )
        )
    return (("arm", *known, *(f"gain, {band}" for band in BANDS)), *rows)


def _charts(gains: ArmGains) -> list[Chart]:
    """Charts of the arms of which a run has enough skills."""
    return [
        _chart(f"{arm}: gain by {name}", name, fifths, QUALITIES[name])
        for arm, runs in gains.items()
        for name in ("difficulty", "share of the data")
        if (fifths := fifths_of(runs, QUALITIES[name]))
    ]


def _chart(
    title: str, name: str, fifths: Sequence[Sequence[Sequence[SkillGain]]], quality: Quality
) -> Chart:
    points = [_dot(number, fifth, name, quality) for number, fifth in enumerate(fifths, 1)]
    note = (
        f"a dot is a fifth of the skills of a run, in order of {name}; means over runs, "
        + errors(map(len, fifths)).replace("seeds", "runs")
    )
    return line_chart([Line("", points, joined=False)], Frame(title, name, "gain on test", note))


def _dot(number: int, fifth: Sequence[Sequence[SkillGain]], name: str, quality: Quality) -> Point:
    """The mean quality and gain of a fifth over runs."""
    x, y = (
        Score.of_repetitions([fmean(map(of, own)) for own in fifth])
        for of in (quality, attrgetter("gain"))
    )
    return Point(x.mean, estimate_mark(f"fifth {number}, {name} {x.mean:.3f}, gain", y))
