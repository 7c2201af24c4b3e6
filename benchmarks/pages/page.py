"""The page of a bench: what was compared, who leads, how surely, and at what cost."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from teachgym.benchmarks.bench.headline import headline
from teachgym.benchmarks.bench.leaderboard import (
    LeaderboardRow,
    detail_rows,
    leaderboard_rows,
    remark_absent,
)
from teachgym.benchmarks.bench.outcomes import Outcomes
from teachgym.benchmarks.bench.statistics import FEWEST
from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.bench.verdicts import claim_rows, effort_rows, judge_claims
from teachgym.benchmarks.pages.captions import INTERVALS, errors, sentence
from teachgym.benchmarks.pages.charts import (
    curve_charts,
    curve_groups,
    profile_charts,
    standing_chart,
    titled,
)
from teachgym.benchmarks.pages.costs import cost_section
from teachgym.benchmarks.pages.dynamics import describe_curves
from teachgym.benchmarks.pages.material import BenchMaterial, name_condition
from teachgym.benchmarks.pages.measures import condition_measures, measure_section
from teachgym.benchmarks.pages.ranks import rank_rows
from teachgym.benchmarks.pages.skills import skill_section
from teachgym.benchmarks.pages.stress import stress_chart, stress_section, teacher_of
from teachgym.benchmarks.pages.surface import surface_charts, surface_rows, surface_section
from teachgym.report.captions import short_commit
from teachgym.report.charts import Chart
from teachgym.report.figures import save_charts
from teachgym.report.html import (
    FIGURES,
    PAGE,
    Cell,
    Page,
    Section,
    figure,
    grid,
    html_table,
    write_page,
)
from teachgym.report.tables import Rows


def draw_bench(bench: BenchMaterial, folder: Path) -> Path:
    """Write ``report.html`` and the ``figures`` beside it into the bench's folder.

    Cells that are not finished are shown as such.
    """
    page = write_page(folder / PAGE, bench_page(bench))
    if bench.results:
        save_charts(folder / FIGURES, paper_charts(bench), bench.suite.description)
    return page


def paper_charts(bench: BenchMaterial) -> dict[str, Chart]:
    """Charts by the names of their files; the bench must have results.

    Standings and profiles are those of the first condition with results, profiles of its best
    group of arms.
    """
    if bench.suite.axes:
        return {f"surface-{n}": chart for n, chart in enumerate(surface_charts(bench), 1)}
    condition = next(c for c, lines in bench.panels.items() if any(line.finished for line in lines))
    charts = {"leaderboard": standing_chart(bench, condition)}
    if profiles := profile_charts(bench, condition):
        charts["profiles"] = profiles[0]
    if len(bench.panels) > 1 and (stress := stress_chart(bench)):
        charts["stress"] = stress
    return charts


def bench_tables(bench: BenchMaterial) -> list[Rows]:
    """The tables of a bench as text, first that of what it is about: its claims, or who leads."""
    suite = bench.suite
    if suite.axes:
        return [surface_rows(bench), leaderboard_rows(suite, bench.standings)]
    return standing_tables(suite, bench.standings, bench.outcomes)


def standing_tables(
    suite: Suite, standings: Sequence[LeaderboardRow], outcomes: Outcomes
) -> list[Rows]:
    """The leaderboard, its details, and the measures of each condition, where there are any.

    Before them are the claims, if a suite has some, and after them what they took.
    """
    measures = [table for *_, table in condition_measures(suite, standings, outcomes)]
    details = detail_rows(suite, standings)
    tables = [leaderboard_rows(suite, standings), *([details] if details else []), *measures]
    judged = judge_claims(suite, outcomes)
    return [claim_rows(judged), *tables, effort_rows(judged)] if judged else tables


def bench_page(bench: BenchMaterial) -> Page:
    """Everything there is to see of a bench."""
    suite = bench.suite
    return Page(
        f"{suite.name} v{suite.version}: {suite.description}",
        _facts(bench),
        [section(bench) for section in _sections(bench)],
        {"Suite": json.dumps(suite.to_json(), indent=2)},
        lead=headline(suite, bench.standings),
    )


def _sections(bench: BenchMaterial) -> list[Callable[[BenchMaterial], Section]]:
    """The sections of a bench; a plane of conditions would have a leaderboard for each."""
    if not bench.results:
        return [_leaderboard, _cells]
    if bench.suite.axes:
        return [surface_section, _cells]
    stressed = [stress_section] * (len(bench.panels) > 1)
    certain = [_certainty] * (max(_counts(bench)) >= FEWEST)
    compared = [*certain, curve_section, measure_section, cost_section, skill_section]
    claims = [_claims] * bool(bench.suite.claims)
    return [*stressed, *claims, _leaderboard, *compared, _cells]


def _facts(bench: BenchMaterial) -> dict[str, str]:
    suite, states = bench.suite, list(bench.states.values())
    begun = states.count("begun")
    references = dict.fromkeys(suite.compared(arm) for arm in suite.arms)
    return {
        "Finished runs": f"{states.count('finished')} of {len(states)}; {begun} begun",
        "Arms and seeds": f"{len(suite.arms)} arms, {len(suite.all_seeds)} seeds each",
        "Compared with": ", ".join(references) if len(references) < 4 else "each its reference",
        "Environment": suite.env,
        **{
            name.replace("_", " ").capitalize(): _show(value)
            for name, value in suite.env_settings.items()
            if name not in {axis.partition(".")[0] for axis in suite.axes}
        },
        "Commit": ", ".join(map(short_commit, bench.commits)) or "nothing finished",
        "Version": ", ".join(bench.versions) or "nothing finished",
    }


def _leaderboard(bench: BenchMaterial) -> Section:
    counts = _counts(bench)
    intro = (
        "Test was read once per run, for the student that was best on val. "
        f"{sentence(errors(counts))} Differences are paired by seed; p-values, where there are "
        "any, are adjusted for the number of arms. "
        f"{_what_is_drawn(bench.suite)} {remark_absent(bench.suite, bench.standings)}".rstrip()
    )
    parts: list[Markup] = []
    for condition, lines in bench.panels.items():
        words = ("compared with", "observes")
        for rows in filter(
            None, (make(bench.suite, lines) for make in (leaderboard_rows, detail_rows))
        ):
            table = html_table(rows, sortable=True, words=words)
            parts.append(_panel(bench, condition, table))
    if bench.results:
        charts = ([standing_chart(bench, c), *profile_charts(bench, c)] for c in bench.panels)
        parts.append(grid([chart for own in charts for chart in own]))
    return Section("leaderboard", "Leaderboard", intro, parts)


def _claims(bench: BenchMaterial) -> Section:
    intro = (
        "What publications say of pairs of arms, and what runs of equal seeds say of it: a verdict "
        "where the interval of the difference leaves 0 out. Each interval is by itself, so of "
        "twenty claims about nothing one is judged; p is adjusted for all of them (Holm)."
    )
    judged = judge_claims(bench.suite, bench.outcomes)
    note = "The limits of a run, and what the runs of each arm spent on average."
    effort = figure("What it took", note, html_table(effort_rows(judged)))
    return Section("claims", "Published claims", intro, [html_table(claim_rows(judged)), effort])


def _what_is_drawn(suite: Suite) -> str:
    """The settings that the errors cover, besides the luck of training."""
    if not suite.seeded:
        return (
            "All of it is about training runs: test items and the untrained student are the same "
            "in every one."
        )
    drawn = ", ".join(name.replace("_", " ").replace(".", ": ") for name in suite.seeded)
    return f"Errors are about runs whose seed draws these settings too: {drawn}."


def _panel(bench: BenchMaterial, condition: str, table: Markup) -> Markup:
    """A table under the name of its condition, where there are several."""
    return figure(name_condition(condition), "", table) if len(bench.panels) > 1 else table


def _counts(bench: BenchMaterial) -> list[int]:
    """Finished runs of each arm that has any."""
    return [len(runs) for runs in bench.runs.values()]


def _certainty(bench: BenchMaterial) -> Section:
    intro = (
        "Chance that a run of the arm on the left beats a run of the arm above"
        + (" with the same seed" if bench.suite.seeded else "")
        + f"; ties count half. Arms with fewer than {FEWEST} runs are left out. Tooltips have n "
        f"and {INTERVALS}."
    )
    parts = []
    for condition, lines in bench.panels.items():
        if len(arms := [line.arm for line in lines if line.finished >= FEWEST]) > 1:
            parts.append(_panel(bench, condition, _matrix(bench, arms)))
    note = (
        "With 95 % confidence every teacher's place lies in its range, all of them at once "
        f"({FEWEST} seeds that all have are needed). The last column is how many seeds a paired "
        "test needs to find that difference from the reference in four of five cases, by the "
        "deviation seen."
    )
    for condition, lines in bench.panels.items():
        rows = rank_rows(bench, lines)
        if any(cell for row in rows[1:] for cell in row[1:]):
            title = titled("How sure the places are", bench, condition)
            parts.append(figure(title, note, html_table(rows, sortable=True)))
    return Section("chances", "Chance of improvement", intro, parts)


def _matrix(bench: BenchMaterial, arms: Sequence[str]) -> Markup:
    names = {arm: teacher_of(bench.arms[arm]) for arm in arms}
    rows: list[Sequence[str | Cell]] = [("beats", *names.values())]
    for arm in arms:
        cells = ("" if other == arm else _beats(bench, arm, other) for other in arms)
        rows.append((f"{names[arm]} (n={len(bench.runs[arm])})", *cells))
    return html_table(rows)


def _beats(bench: BenchMaterial, arm: str, other: str) -> Cell | str:
    chance = bench.improvement(arm, other)
    if math.isnan(chance.low):
        return ""
    return Cell(f"{chance.value:.2f}", 2 * chance.value - 1, chance.note)


def curve_section(bench: BenchMaterial) -> Section:
    """Learning curves of all arms, and when they rose."""
    shown = "Mean over seeds of the accuracy on val"
    if any(len({run.steps for run in runs}) > 1 for runs in bench.runs.values()):
        shown += ", up to the step at which the shortest run of an arm ended"
    if len(bench.panels) > 1:
        shown += f"; in the tooltips: {errors(_counts(bench))}."
        charts = grid([chart for c in bench.panels for chart in curve_groups(bench, c)])
    else:
        shown += (
            f"; bands: {errors(_counts(bench))}; on one scale; dashed: what the arm is compared "
            "with."
        )
        charts = grid(curve_charts(bench), small=True)
    note = f"Gains of the mean curve; {errors(_counts(bench))}; the share is of the whole gain."
    table = figure("When they learned", note, html_table(dynamics_rows(bench), sortable=True))
    return Section("curves", "Learning curves", shown, [charts, table])


def dynamics_rows(bench: BenchMaterial) -> Rows:
    """Header and a row per arm: when its mean curve is highest, and how early it rose."""
    header = ("arm", "highest at step", "gain, first half", "gain, second half", "share by half")
    rows = []
    for arm, runs in bench.runs.items():
        if min(run.steps for run in runs):
            found = describe_curves([[point.mean for point in run.curve] for run in runs])
            halves = (e.show("+.4f") for e in (found.early, found.late))
            share = "no gain" if found.share is None else f"{found.share:.2f}"
            highest = f"{found.highest} of {found.steps}"
            rows.append((f"{arm} (n={len(runs)})", highest, *halves, share))
    return (header, *rows)


def _cells(bench: BenchMaterial) -> Section:
    seeds = bench.suite.all_seeds
    rows: list[Sequence[str | Cell]] = [("arm", *(f"seed {seed}" for seed in seeds))]
    for line in (line for lines in bench.panels.values() for line in lines):
        rows.append((line.arm, *(_cell(bench, line.arm, seed) for seed in seeds)))
    intro = "Test accuracy of every run, ± standard error over items; links lead to its page."
    return Section("runs", "Runs", intro, [html_table(rows, sortable=True)])


def _cell(bench: BenchMaterial, arm: str, seed: int) -> Cell:
    result = bench.results.get((arm, seed))
    text = str(result.test.after) if result else bench.states[arm, seed]
    return Cell(text, link=bench.pages.get((arm, seed), ""))


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{amount} {name}" for name, amount in value.items())
    return str(value)
