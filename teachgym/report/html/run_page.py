"""The page of one run, from the files of its folder alone."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from teachgym.forest import Forest
from teachgym.records import dotted
from teachgym.report.captions import item_errors, numbers, promise, short_commit, show_amount
from teachgym.report.charts import (
    Chart,
    Frame,
    Line,
    Point,
    estimate_mark,
    line_chart,
    score_mark,
)
from teachgym.report.figures import curve_frame, curve_line, run_charts, save_charts
from teachgym.report.headline import headline
from teachgym.report.html.calls import MOST_TOKENS, call_browser
from teachgym.report.html.cells import Cell, Records, html_table, shaded
from teachgym.report.html.charts import beside, figure, grid
from teachgym.report.html.material import RunMaterial, RunSoFar
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
from teachgym.report.html.skill_map import ROOT, skill_map
from teachgym.report.html.trees import forest_chart
from teachgym.report.tables import (
    describe_end,
    describe_run,
    figure_rows,
    score_rows,
    spending_rows,
)
from teachgym.report.teaching import MOST_COLUMNS, coverage_rows, move_rows, taught_rows
from teachgym.runs.folder import RunFolder
from teachgym.runs.lock import holding
from teachgym.runs.result import RunResult
from teachgym.types import CURRENCIES, Report, Score

_NAMED = 4
"""Skills that a step's examples are said to be of, at most."""

_MAP = (
    "Rows stand by root, the one that gained most first. Gains are paired over items, ± standard "
    "error. Numbered columns are steps: accuracy on val in hundredths, shaded by it, with errors "
    "and n in tooltips. A number of examples leads to these."
)


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
        _skills(run),
        _teaching(run),
        *([_tree(run.forest)] if run.forest else []),
        *_hints(run),
        *_calls(run),
        _steps(run),
        _answers(run),
        _examples(run),
        _spending(run),
    )
    lead = headline(run.result)
    return Page(describe_run(run.result), _facts(run), sections, _folded(run), lead=lead)


def _folded(run: RunSoFar) -> dict[str, str]:
    config = {key: value for key, value in run.config.items() if key != "spec"}
    spec = json.loads(run.config["spec"] or "null")
    folded = {"Configuration, versions and commit": config, "Environment": spec}
    return {name: json.dumps(value, indent=2) for name, value in folded.items()}


def page_so_far(run: RunSoFar, title: str) -> Page:
    """The page of an unfinished run. It has nothing of ``test``, which is read at the end."""
    first, *_, last = [*run.curve, run.curve[-1]]
    steps = len(run.curve) - 1
    lead = f"After step {steps}: accuracy on val {first} at first, {last} now."
    charts = [
        grid([_curve_chart(run), *_bought_charts(run)]),
        grid([*_figure_charts(run)], small=True),
    ]
    sections = (
        Section("learning", "Learning", "Accuracy on all of val after each step.", charts),
        Section("skills", "Skills", _MAP, [_map(run, None)]),
        _teaching(run),
        *([_tree(run.forest)] if run.forest else []),
        *_hints(run),
        *_calls(run),
        _steps(run),
        _examples(run),
    )
    return Page(title, _settings(run), sections, _folded(run), lead=lead)


def _facts(run: RunMaterial) -> dict[str, str]:
    result = run.result
    return {
        "Task": result.task,
        "Episode": describe_end(result),
        "Best step": f"{result.best_step} of {result.steps}",
        **_settings(run),
    }


def _settings(run: RunSoFar) -> dict[str, str]:
    versions, config = run.config["versions"], run.config["config"]
    return {
        "Settings of the environment": _given(config["env_settings"]),
        "Settings of the teacher": _given(config["teacher_settings"]),
        "Version": f"teachgym {versions['teachgym']}, Python {versions['python']}",
        "Commit": short_commit(run.config["commit"]),
    }


def _given(settings: Mapping[str, Any]) -> str:
    """The given settings by dotted name; all others have their defaults.

    Example:
        >>> _given({"budget": {"steps": 2}, "student": "tiny"}), _given({})
        ('budget.steps 2, student tiny', 'none given')
    """
    given = (f"{name} {value}" for name, value in dotted(settings).items())
    return ", ".join(given) or "none given"


def _learning(run: RunMaterial) -> Section:
    figures = figure_rows(run.result)
    interval = " [95 %]" * math.isfinite(run.result.gap.stderr)
    return Section(
        "learning",
        "Learning",
        f"The student that was best on val{_same(run.result)} was examined on test once. "
        f"The row val - test is the gain on val minus the gain on test{interval}.",
        [
            beside(html_table(score_rows(run.result)), _curve_chart(run)),
            *([html_table(figures)] if len(figures) > 1 else []),
            grid(_bought_charts(run)),
            grid([*_figure_charts(run)], small=True),
        ],
    )


def _skills(run: RunMaterial) -> Section:
    return Section(
        "skills",
        "Skills",
        f"{_MAP} A skill leads to its answers.",
        [_map(run, run.test)],
    )


def _map(run: RunSoFar, exam: tuple[Report, Report] | None) -> Markup:
    return html_table(skill_map(run, exam), sortable=True, filters=[ROOT])


def _curve_chart(run: RunSoFar) -> Chart:
    return line_chart([curve_line(run.curve)], curve_frame(run.curve))


def _figure_charts(run: RunSoFar) -> Iterator[Chart]:
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


def _spending(run: RunMaterial) -> Section:
    even = [name for c, name in _currencies(run).items() if _is_even(run.spent(c))]
    said = f" Spent evenly over steps: {', '.join(even)}." if even else ""
    return Section(
        "spending",
        "Spending",
        f"The exam on test is free.{said}",
        [html_table(spending_rows(run.result))],
    )


def _currencies(run: RunSoFar) -> dict[str, str]:
    """Names of the currencies of which something was spent."""
    used = (c for c in CURRENCIES if c != "steps" and run.spent(c)[-1])
    return {currency: currency.replace("_", " ") for currency in used}


def _is_even(spent: Sequence[float]) -> bool:
    """Whether every step cost about as much, so that a curve over steps is one over the cost.

    Example:
        >>> _is_even([0, 10, 21, 30]), _is_even([0, 5, 8, 30])
        (True, False)
    """
    steps = len(spent) - 1
    return all(abs(s / spent[-1] - n / steps) < 0.1 for n, s in enumerate(spent))


def _bought_charts(run: RunSoFar) -> list[Chart]:
    """The learning curve over each currency that was not spent evenly."""
    uneven = {c: name for c, name in _currencies(run).items() if not _is_even(run.spent(c))}
    return [_bought_chart(run, currency, name) for currency, name in uneven.items()]


def _bought_chart(run: RunSoFar, currency: str, name: str) -> Chart:
    points = [
        Point(amount, score_mark(f"{amount:,.10g} {name}", score))
        for amount, score in zip(run.spent(currency), run.curve, strict=True)
    ]
    frame = Frame(f"Accuracy for {name}", name, "accuracy on val", item_errors(run.curve))
    return line_chart([Line("", points)], frame)


def _teaching(run: RunSoFar) -> Section:
    title = "What was taught"
    accepted = [w.example for w in run.written if w.verdict == ACCEPTED]
    if not accepted:
        return Section("teaching", title, "Nothing was trained on.", [])
    taught = html_table(shaded(taught_rows(accepted), 3), words=("subskill",), sortable=True)
    tables, losses = [taught], loss_rows(run.written)
    if len(covered := coverage_rows(accepted)) > 2:
        note = (
            "Kinds of exercises in each step (skill, level, subskill and hint), and how many of "
            "them earlier steps had taught."
        )
        tables.append(figure("What was new", note, html_table(covered, sortable=True)))
    if len(losses) > 1:
        note = "Mean loss of the examples when the student first met them in training, in nats."
        tables.append(figure("Loss of the examples", note, html_table(losses, sortable=True)))
    return Section(
        "teaching",
        title,
        "Examples trained on, by skill and step, shaded by their number. Of more than "
        f"{MOST_COLUMNS} steps, several share a column.",
        tables,
    )


def _tree(forest: Forest) -> Section:
    header, *moves = move_rows(forest)
    rows = [(*header[:3], "root before", "root after", *header[3:])]
    for experience, move in zip(forest.history, moves, strict=True):
        scores = (str(s) for s in (experience.before, experience.after))
        rows.append((*move[:3], *scores, *move[3:]))
    subskills = "Discovered subskills, and the examples that each gets"
    found = subskills if any(forest) else "Nothing was discovered"
    reasons = " with the teacher's reason" * any(e.move.reason for e in forest.history)
    parts = [forest_chart(forest)]
    if moves:
        parts.append(html_table(rows, words=("root", "move", "reason"), sortable=True))
    told = f"{found}. {f'Every move{reasons} is below.' if moves else 'No move was made.'}"
    return Section("tree", "Skill tree", told, parts)


def _hints(run: RunSoFar) -> Iterator[Section]:
    rows = hint_rows(run.written)
    if len(rows) > 1:
        intro = "The teacher's reasons for its orders, and the number of examples made for each."
        table = html_table(rows, words=("skill", "subskill", "hint"), sortable=True)
        yield Section("reasons", "The teacher's reasons", intro, [table])


def _calls(run: RunSoFar) -> Iterator[Section]:
    if run.calls:
        intro = (
            "The recorded calls of chat models by the teacher or an engine. Texts longer than "
            f"about {MOST_TOKENS:,} tokens are cut in the middle."
        )
        browser = browse(call_browser("call-data", run.calls))
        yield Section("calls", "What chat models saw and said", intro, [browser])


def _answers(run: RunMaterial) -> Section:
    return Section(
        "answers",
        "Answers before and after",
        f"The untrained student and the one that was best on val{_same(run.result)} on the same "
        "items. Right is a score of 1.",
        [html_table(change_rows(run.pairs)), browse(answer_browser("answer-data", run.pairs))],
    )


def _examples(run: RunSoFar) -> Section:
    title = "Data"
    if not run.written:
        return Section("examples", title, "No example was made.", [])
    intro = (
        "Every example that was made. The gate accepted it for training, or kept it out for the "
        "reason shown."
    )
    if any(w.loss is not None for w in run.written):
        intro += " The loss is the student's when it first met the example in training."
    return Section("examples", title, intro, [browse(example_browser("example-data", run.written))])


def _steps(run: RunSoFar) -> Section:
    steps = html_table(_step_rows(run), words=("made",))
    tables = [figure("Steps", "Costs are those of the step alone.", steps)]
    kinds = (
        ("reason", "Kept out by the gate", "rejected/"),
        ("event", "Chat models", "incidents/"),
    )
    for name, title, prefix in kinds:
        rows = by_step(run.metrics, prefix, name)
        if len(rows) > 1:
            tables.append(figure(title, "Counts by step.", html_table(shaded(rows, 1))))
    intro = (
        "Accuracy, examples and costs of each step, and its incidents if there were any. The "
        "number of a step leads to its examples."
    )
    return Section("steps", "Steps and incidents", intro, tables)


def _step_rows(run: RunSoFar) -> list[list[str | Cell]]:
    """Header and a row per step: what came of it, and what was made for it."""
    numbers = {"reward": "reward", "accepted": "trained on", "rejected": "kept out"}
    numbers |= {n: n for n in ("yield", "quality") if any(n in line for line in run.metrics)}
    numbers |= {"incidents": "incidents", "loss": "loss"}
    costs = {f"spent/{currency}": name for currency, name in _currencies(run).items()}
    header = ["step", "accuracy on val", "with aids", *numbers.values(), "made", *costs.values()]
    rows: list[list[str | Cell]] = [[*header]]
    before: Mapping[str, float] = {}
    made: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for written in run.written:
        made[written.step][written.example.skill] += 1
    for step, (line, score) in enumerate(zip(run.metrics, run.curve, strict=True)):
        paid = (_number({n: line.get(n, 0.0) - before.get(n, 0.0)}, n) for n in costs)
        rows.append(
            [
                Cell(str(step), records=Records("examples", "step", str(step)) if step else None),
                *(str(score), _aided(line)),
                *(_number(line, name) for name in numbers),
                _made(made[step]),
                *(paid if step else [""] * len(costs)),
            ]
        )
        before = line
    return rows


def _made(counts: Counter[str]) -> str:
    """The skills of most of a step's examples, with their numbers."""
    named = ", ".join(f"{skill} {count}" for skill, count in counts.most_common(_NAMED))
    return named + (f" and {len(counts) - _NAMED} more skills" if len(counts) > _NAMED else "")


def _aided(line: Mapping[str, float | None]) -> str:
    """Accuracy on val with the teacher's aids before the prompts; empty where there were none."""
    mean, error, n = (line.get(f"aided/{name}") for name in ("accuracy", "stderr", "n"))
    if mean is None or error is None or n is None:
        return ""
    return str(Score(int(n), mean, error))


def _number(line: Mapping[str, float | None], name: str) -> str:
    value = line.get(name)
    if value is None:
        return ""
    return f"{value:+z.4f}" if name == "reward" else show_amount(value, 4)
