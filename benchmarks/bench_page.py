"""The page of a bench: what was compared, who leads, how surely, and at what cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from teachgym.benchmarks.bench_charts import (
    cost_charts,
    curve_charts,
    profile_charts,
    standing_chart,
)
from teachgym.benchmarks.bench_figures import bench_figures
from teachgym.benchmarks.bench_material import BenchMaterial
from teachgym.benchmarks.leaderboard import leaderboard_rows
from teachgym.benchmarks.suites import Suite
from teachgym.benchmarks.uncertainty import improvement
from teachgym.report.html import (
    FIGURES,
    PAGE,
    Cell,
    Page,
    Section,
    grid,
    html_table,
    save_figures,
    write_page,
)
from teachgym.report.tables import show_score


def write_bench_page(suite: Suite, folder: Path) -> Path:
    """Write ``report.html`` and the ``figures`` beside it into the bench's folder.

    Cells that are not finished are shown as such.
    """
    return draw_bench(BenchMaterial.read(suite, folder), folder)


def draw_bench(bench: BenchMaterial, folder: Path) -> Path:
    """As ``write_bench_page``, of a bench that was read already."""
    if bench.results:
        save_figures(folder / FIGURES, bench_figures(bench))
    return write_page(folder / PAGE, bench_page(bench))


def bench_page(bench: BenchMaterial) -> Page:
    """Everything there is to see of a bench."""
    suite = bench.suite
    compared = [_certainty(bench), _curves(bench), _costs(bench)] if bench.results else []
    return Page(
        f"{suite.name} v{suite.version}: {suite.description}",
        _facts(bench),
        [_leaderboard(bench), *compared, _cells(bench)],
        {"Suite": json.dumps(suite.to_json(), indent=2)},
    )


def _facts(bench: BenchMaterial) -> dict[str, str]:
    suite, states = bench.suite, list(bench.states.values())
    begun = states.count("begun")
    return {
        "Finished runs": f"{states.count('finished')} of {len(states)}; {begun} begun",
        "Arms and seeds": f"{len(suite.arms)} arms, {suite.seeds} seeds each",
        "Compared with": suite.reference,
        "Environment": suite.env,
        **{
            name.replace("_", " ").capitalize(): _show(value)
            for name, value in suite.env_settings.items()
        },
        "Commit": ", ".join(bench.commits) or "nothing finished",
        "Version": ", ".join(bench.versions) or "nothing finished",
    }


def _leaderboard(bench: BenchMaterial) -> Section:
    intro = (
        "Test was read once per run, for the student that was best on val. ± is the standard error "
        "over seeds. Differences are paired by seed; p-values are adjusted for the number of arms."
    )
    rows = leaderboard_rows(bench.suite, bench.standings)
    parts = [html_table(rows, sortable=True)]
    if bench.results:
        parts.append(grid([standing_chart(bench), *profile_charts(bench)]))
    return Section("leaderboard", "Leaderboard", intro, parts)


def _certainty(bench: BenchMaterial) -> Section:
    intro = (
        "Chance that a run of the arm on the left beats a run of the arm above; ties count half. "
        "The 95 % bootstrap interval and n are in the tooltip."
    )
    return Section("chances", "Chance of improvement", intro, [_matrix(bench)])


def _matrix(bench: BenchMaterial) -> Markup:
    scores, rng = bench.scores, np.random.default_rng(0)
    rows: list[Sequence[str | Cell]] = [("beats", *scores)]
    for name, mine in scores.items():
        cells: list[str | Cell] = []
        for other, theirs in scores.items():
            chance = improvement(mine, theirs, rng)
            note = f"{name} beats {other}: {chance}, n = {len(mine)} and {len(theirs)} runs"
            heat = 2 * chance.value - 1
            cells.append("" if other == name else Cell(f"{chance.value:.2f}", heat, note))
        rows.append((f"{name} (n={len(mine)})", *cells))
    return html_table(rows)


def _curves(bench: BenchMaterial) -> Section:
    intro = (
        "Mean over seeds of the accuracy on val, with a band of ± standard error, on one scale; "
        f"dashed: {bench.suite.reference}."
    )
    return Section("curves", "Learning curves", intro, [grid(curve_charts(bench), small=True)])


def _costs(bench: BenchMaterial) -> Section:
    intro = (
        "Mean spending of an arm's runs and its test accuracy. A line joins the arms that no other "
        "beats at equal or lower cost; controls do not count."
    )
    return Section("costs", "Score against cost", intro, [grid(cost_charts(bench))])


def _cells(bench: BenchMaterial) -> Section:
    seeds = range(bench.suite.seeds)
    rows: list[Sequence[str | Cell]] = [("arm", *(f"seed {seed}" for seed in seeds))]
    for line in bench.standings:
        rows.append((line.arm, *(_cell(bench, line.arm, seed) for seed in seeds)))
    intro = "Test accuracy of every run, ± standard error over items; links lead to its page."
    return Section("runs", "Runs", intro, [html_table(rows, sortable=True)])


def _cell(bench: BenchMaterial, arm: str, seed: int) -> Cell:
    result = bench.results.get((arm, seed))
    text = show_score(result.test.after) if result else bench.states[arm, seed]
    return Cell(text, link=bench.pages.get((arm, seed), ""))


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{amount} {name}" for name, amount in value.items())
    return str(value)
