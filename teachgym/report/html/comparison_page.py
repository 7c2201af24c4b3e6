"""The page of a comparison of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from teachgym.report.captions import item_errors
from teachgym.report.charts import Frame, Line, Point, colored, line_chart, score_mark
from teachgym.report.comparison import Compared, difference_rows, item_rows, outcome_rows
from teachgym.report.headline import headline
from teachgym.report.html.cells import Cell, html_table
from teachgym.report.html.charts import grid
from teachgym.report.html.page import Page, Section, write_page
from teachgym.types import Score


def write_comparison(runs: Sequence[Compared], path: Path) -> Path:
    """Write the page in place of an older one."""
    return write_page(path, comparison_page(runs))


def comparison_page(runs: Sequence[Compared]) -> Page:
    """The page: outcomes of the runs, settings that differ, learning curves, skills."""
    return Page(
        f"{len(runs)} runs compared",
        {run.name: headline(run.result) for run in runs},
        [_outcome(runs), _differences(runs), _curves(runs), _skills(runs)],
        {},
    )


def _outcome(runs: Sequence[Compared]) -> Section:
    return Section(
        "outcome",
        "Outcome",
        "Accuracy on test ± standard error over items. The second table pairs the answers to the "
        "same items. Its interval is about these students. It says nothing about the luck of "
        "training others like them, which a bench of several seeds measures.",
        [html_table(rows(runs), words=("minus",)) for rows in (outcome_rows, item_rows)],
    )


def _differences(runs: Sequence[Compared]) -> Section:
    rows = difference_rows(runs)
    differ = "The settings, versions and commits in which the runs differ."
    said = differ if len(rows) > 1 else "All runs have the same settings, versions and commit."
    return Section("settings", "Settings", said, [html_table(rows)] if len(rows) > 1 else [])


def _curves(runs: Sequence[Compared]) -> Section:
    points = {run.name: _points(run) for run in runs}
    note = item_errors([score for run in runs for score in run.result.curve])
    frame = Frame("Learning curves", "environment step", "accuracy on val", note, whole=True)
    charts = [
        line_chart([Line(name, points[name], style) for name, style in styles.items()], frame)
        for styles in colored([*points])
    ]
    return Section("curves", "Learning", "Accuracy on all of val after each step.", [grid(charts)])


def _points(run: Compared) -> list[Point]:
    return [
        Point(step, score_mark(f"{run.name}, step {step}", score))
        for step, score in enumerate(run.result.curve)
    ]


def _skills(runs: Sequence[Compared]) -> Section:
    """Final accuracy by skill; where they differ most comes first."""
    exams = [run.result.test.skills_after for run in runs]
    skills = dict.fromkeys(skill for exam in exams for skill in exam)
    scores = {skill: [exam.get(skill, Score.nothing()) for exam in exams] for skill in skills}
    rows: list[list[str | Cell]] = [["skill", *(run.name for run in runs)]]
    for skill, found in sorted(scores.items(), key=lambda item: -_spread(item[1])):
        rows.append(
            [skill, *(_cell(f"{skill}, {r.name}", s) for r, s in zip(runs, found, strict=True))]
        )
    intro = (
        "Accuracy of the best student on test, ± standard error over items; skills in which the "
        "runs differ most come first."
    )
    return Section("skills", "Skills", intro, [html_table(rows, sortable=True)])


def _spread(scores: Sequence[Score]) -> float:
    means = [score.mean for score in scores if score.n]
    return max(means) - min(means) if means else -1.0


def _cell(note: str, score: Score) -> Cell:
    return Cell(score.show(".2f"), score.mean if score.n else None, f"{note}: {score}")
