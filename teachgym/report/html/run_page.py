"""The page of one run, from the files of its folder alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from teachgym.forest import Forest
from teachgym.report.captions import item_errors, items, numbers, promise
from teachgym.report.charts import (
    Chart,
    Frame,
    Line,
    Point,
    estimate_mark,
    exact_mark,
    line_chart,
    score_mark,
    wilson_mark,
)
from teachgym.report.figures import run_charts, save_charts
from teachgym.report.html.cells import html_table, shaded
from teachgym.report.html.charts import figure, grid
from teachgym.report.html.material import RunMaterial
from teachgym.report.html.page import FIGURES, PAGE, Page, Section, browse, write_page
from teachgym.report.html.records import (
    ACCEPTED,
    answer_browser,
    by_step,
    change_rows,
    example_browser,
    hint_rows,
    loss_rows,
)
from teachgym.report.html.trees import forest_chart
from teachgym.report.tables import (
    Rows,
    describe_end,
    describe_run,
    figure_rows,
    score_rows,
    show_gap,
    spending_rows,
)
from teachgym.report.teaching import gain_rows, move_rows, taught_rows
from teachgym.runs.folder import RunFolder
from teachgym.runs.lock import holding
from teachgym.runs.result import RunResult
from teachgym.types import CURRENCIES, Score


def write_run_page(folder: RunFolder) -> Path:
    """Write ``report.html`` and the ``figures`` beside it into the run's folder.

    Raises:
        RunError: if the run is not finished, or files are missing or damaged.
    """
    run = RunMaterial.read(folder)
    with holding(folder.path, "report"):
        save_charts(folder.path / FIGURES, run_charts(run.result), describe_run(run.result))
        return write_page(folder.path / PAGE, run_page(run))


def run_page(run: RunMaterial) -> Page:
    """The page of a run, without the sections that would be empty."""
    sections = (
        _learning(run),
        _spending(run),
        _teaching(run),
        *([_tree(run.forest)] if run.forest else []),
        *_hints(run),
        _answers(run),
        _examples(run),
        _steps(run),
    )
    config = {key: value for key, value in run.config.items() if key != "spec"}
    spec = json.loads(run.config["spec"] or "null")
    folded = {"Configuration, versions and commit": config, "Environment": spec}
    texts = {name: json.dumps(value, indent=2) for name, value in folded.items()}
    return Page(describe_run(run.result), _facts(run), sections, texts)


def _facts(run: RunMaterial) -> dict[str, str]:
    result, versions = run.result, run.config["versions"]
    gain = result.test.gain
    return {
        "Gain on test": f"{gain.show('+.3f')} (n={gain.n})",
        f"Gain on val minus test{' [95 %]' * math.isfinite(result.gap.stderr)}": show_gap(
            result.gap
        ),
        "Test, untrained": str(result.test.before),
        "Test, best on val": str(result.test.after),
        "Episode": describe_end(result),
        "Best step": f"{result.best_step} of {result.steps}",
        "Environment": result.env,
        "Task": result.task,
        "Student": result.student,
        "Teacher": result.teacher,
        "Seed": str(result.seed),
        "Commit": run.config["commit"] or "not in a checkout",
        "Versions": f"teachgym {versions['teachgym']}, Python {versions['python']}",
    }


def _learning(run: RunMaterial) -> Section:
    by_step = {step: report.by_skill() for step, report in run.val.items()}
    each = [
        _skill_chart(skill, {step: scores[skill] for step, scores in by_step.items()})
        for skill in by_step[0]
    ]
    return Section(
        "learning",
        "Learning",
        f"The student that was best on val{_same(run.result)} was examined on test, once. Curves "
        "by skill have 95 % Wilson intervals, wherever they were measured, and one common scale.",
        [
            html_table(score_rows(run.result)),
            *([html_table(figures)] if len(figures := figure_rows(run.result)) > 1 else []),
            grid(list(run_charts(run.result).values())),
            grid([*each, *_figure_charts(run)], small=True),
            html_table(gain_rows(*(r.predictions for r in run.test)), sortable=True),
        ],
    )


def _figure_charts(run: RunMaterial) -> Iterator[Chart]:
    """The curve of each metric of the task and each part of its grades."""
    for name in run.val[0].figures:
        found = {step: report.figures[name] for step, report in run.val.items()}
        scores = [score for score in found.values() if score.n]
        marks = (Point(step, estimate_mark(f"step {step}", s)) for step, s in found.items() if s.n)
        counts = [score.n for score in scores]
        said = promise("± standard error", counts, 2, "measured", "no standard error of one")
        note = f"{said}, {numbers(scores)}" if scores else "not measured"
        frame = Frame(name, "environment step", name, note, whole=True, small=True)
        yield line_chart([Line("", list(marks), band=True)], frame)


def _same(result: RunResult) -> str:
    """A remark for the best student if no step made it better; else empty."""
    return "" if result.best_step else ", which is the untrained one,"


def _skill_chart(skill: str, scores: Mapping[int, Score]) -> Chart:
    """The curve of one skill, by step."""
    points = [Point(step, wilson_mark(f"step {step}", s)) for step, s in scores.items()]
    note = f"{items(scores.values())} of val"
    frame = Frame(skill, "environment step", "accuracy", note, (0, 1), whole=True, small=True)
    return line_chart([Line("", points, band=True)], frame)


def _spending(run: RunMaterial) -> Section:
    used = [c for c in CURRENCIES if c != "steps" and getattr(run.result.spent, c)]
    return Section(
        "spending",
        "Spending",
        "What had been spent after each step, and what accuracy that bought; the exam on test is "
        "free.",
        [
            html_table(spending_rows(run.result)),
            grid([_spent_chart(run, currency) for currency in used], small=True),
            grid([_bought_chart(run, currency) for currency in used]),
        ],
    )


def _spent_chart(run: RunMaterial, currency: str) -> Chart:
    points = [
        Point(step, exact_mark(f"step {step}", amount, "c1"))
        for step, amount in enumerate(run.spent(currency))
    ]
    name = currency.replace("_", " ")
    frame = Frame(f"Spent: {name}", "environment step", name, whole=True, small=True)
    return line_chart([Line("", points, "c1")], frame)


def _bought_chart(run: RunMaterial, currency: str) -> Chart:
    name = currency.replace("_", " ")
    points = [
        Point(amount, score_mark(f"{amount:,.10g} {name}", score))
        for amount, score in zip(run.spent(currency), run.result.curve, strict=True)
    ]
    frame = Frame(f"Accuracy for {name}", name, "accuracy on val", item_errors(run.result.curve))
    return line_chart([Line("", points)], frame)


def _teaching(run: RunMaterial) -> Section:
    title = "What was taught"
    accepted = [w.example for w in run.written if w.verdict == ACCEPTED]
    if not accepted:
        return Section("teaching", title, "Nothing was trained on.", [])
    taught = html_table(shaded(taught_rows(accepted), 3), words=("subskill",), sortable=True)
    tables, losses = [taught], loss_rows(run.written)
    if len(losses) > 1:
        note = "mean when first met in training, in nats: what was news to the student"
        tables.append(figure("Loss of the examples", note, html_table(losses, sortable=True)))
    return Section(
        "teaching",
        title,
        "Examples trained on, by skill and step; the darker, the more.",
        tables,
    )


def _tree(forest: Forest) -> Section:
    header, *moves = move_rows(forest)
    rows = [(*header[:3], "root before", "root after", *header[3:])]
    for experience, move in zip(forest.history, moves, strict=True):
        scores = (str(s) for s in (experience.before, experience.after))
        rows.append((*move[:3], *scores, *move[3:]))
    found = "What was discovered, and what it gets" if any(forest) else "Nothing was discovered"
    reasons = " with the teacher's reason" * any(e.move.reason for e in forest.history)
    parts = [forest_chart(forest)]
    if moves:
        parts.append(html_table(rows, words=("root", "move", "reason"), sortable=True))
    told = f"{found}. {f'Every move{reasons} is below.' if moves else 'No move was made.'}"
    return Section("tree", "Skill tree", told, parts)


def _hints(run: RunMaterial) -> Iterator[Section]:
    rows = hint_rows(run.written)
    if len(rows) > 1:
        intro = "What the teacher said about its orders, and the examples that were made for them."
        table = html_table(rows, words=("skill", "subskill", "hint"), sortable=True)
        yield Section("reasons", "The teacher's reasons", intro, [table])


def _answers(run: RunMaterial) -> Section:
    return Section(
        "answers",
        "Answers before and after",
        f"The untrained student and the one that was best on val{_same(run.result)} on the same "
        "items. Right is a score of 1.",
        [html_table(change_rows(run.pairs)), browse(answer_browser("answer-data", run.pairs))],
    )


def _examples(run: RunMaterial) -> Section:
    title = "Data"
    if not run.written:
        return Section("examples", title, "No example was made.", [])
    intro = "Every example that was made: trained on, or kept out by the gate and why."
    if any(w.loss is not None for w in run.written):
        intro += " The loss is the student's when it first met the example in training."
    return Section("examples", title, intro, [browse(example_browser("example-data", run.written))])


def _steps(run: RunMaterial) -> Section:
    tables = [figure("Steps", "", html_table(_step_rows(run)))]
    kinds = (
        ("reason", "Kept out by the gate", "rejected/"),
        ("event", "Chat models", "incidents/"),
    )
    for name, title, prefix in kinds:
        rows = by_step(run.metrics, prefix, name)
        if len(rows) > 1:
            tables.append(figure(title, "times per step", html_table(shaded(rows, 1))))
    intro = "Each step's numbers, and what went wrong, if anything did."
    return Section("steps", "Steps and incidents", intro, tables)


def _step_rows(run: RunMaterial) -> Rows:
    header: Sequence[str]
    header = ("step", "accuracy on val", "reward", "trained on", "kept out", "incidents", "loss")
    aided = any("aided/accuracy" in line for line in run.metrics)
    header = (*header[:2], "with aids", *header[2:]) if aided else header
    rows = (
        (
            str(step),
            str(score),
            *([_aided(line)] if aided else []),
            *(
                _number(line, name)
                for name in ("reward", "accepted", "rejected", "incidents", "loss")
            ),
        )
        for step, (line, score) in enumerate(zip(run.metrics, run.result.curve, strict=True))
    )
    return (header, *rows)


def _aided(line: Mapping[str, float | None]) -> str:
    """Accuracy on val with the teacher's aids before the prompts; empty where there were none."""
    mean, error, n = (line.get(f"aided/{name}") for name in ("accuracy", "stderr", "n"))
    if mean is None or error is None or n is None:
        return ""
    return str(Score(int(n), mean, error))


def _number(line: Mapping[str, float | None], name: str) -> str:
    value = line.get(name)
    return "" if value is None else f"{value:,.4g}"
