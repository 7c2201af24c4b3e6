"""The same numbers in the terminal, in Markdown and in the figure."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from teachgym.progress import LiveProgress
from teachgym.report.figures import figure_to_array, result_figure
from teachgym.report.tables import result_markdown, result_table
from teachgym.runs import Comparison, RunResult
from teachgym.types import Budget, Cost, Score, Transition

BEFORE, AFTER = Score(100, 0.5, 0.05), Score(100, 0.8, 0.04)
GAIN = Score(100, 0.3, 0.046)
COMPARISON = Comparison(
    BEFORE, AFTER, GAIN, {"add": BEFORE, "sort": BEFORE}, {"add": AFTER, "sort": BEFORE}
)
RESULT = RunResult(
    env="teachgym/SkillList-v0",
    task="toy-v0",
    student="tiny",
    teacher="weak[est]",
    seed=7,
    val=COMPARISON,
    test=COMPARISON,
    return_=0.25,
    steps=2,
    best_step=1,
    stop_reason="examples",
    spent=Cost(steps=2, examples=1234, train_tokens=56_789, seconds=12.345),
    curve=(BEFORE, AFTER, replace(AFTER, mean=0.75)),
)


def printed(result: RunResult) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(result_table(result))
    return out.getvalue()


def test_the_table_has_every_number_with_its_error_and_n() -> None:
    text = printed(RESULT)
    assert "weak[est] teaches tiny in teachgym/SkillList-v0, seed 7" in text
    assert text.count("0.500 ± 0.050 (n=100)") == text.count("0.800 ± 0.040 (n=100)") == 2
    assert "+0.300 ± 0.046" in text
    assert "best on val (step 1)" in text
    assert "return +0.250 in 2 steps; ended by: budget of examples" in text


def test_spending_is_listed_by_currency_and_what_was_not_spent_is_left_out() -> None:
    rows = {
        line.rsplit(None, 1)[0].strip(): line.split()[-1]
        for line in printed(RESULT).splitlines()
        if line.strip()
    }
    assert rows["examples"] == "1,234"
    assert rows["train tokens"] == "56,789"
    assert rows["seconds"] == "12.3"
    assert "dollars" not in rows


def test_markdown_has_the_same_cells() -> None:
    text = result_markdown(RESULT)
    row = "| test | 0.500 ± 0.050 (n=100) | 0.800 ± 0.040 (n=100) | +0.300 ± 0.046 |"
    assert row in text.splitlines()
    assert "| examples | 1,234 |" in text.splitlines()


def test_a_simulated_student_is_called_one_and_mastery_is_no_budget() -> None:
    text = printed(replace(RESULT, student="simulated", stop_reason="mastery", steps=1))
    assert "teaches simulated student in" in text
    assert "in 1 step; ended by: mastery" in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("teacher", "teacher"),
        ("patience", "patience"),
        ("generated_tokens", "budget of generated tokens"),
    ],
)
def test_only_currencies_are_budgets(reason: str, said: str) -> None:
    assert f"in 2 steps; ended by: {said}\n" in result_markdown(replace(RESULT, stop_reason=reason))


def test_what_a_run_went_on_with_is_said() -> None:
    other = replace(RESULT, accepted=("versions: torch: 1 -> 2", "commit: a -> <b>"))
    line = "ended by: budget of examples; resumed with another versions: torch: 1 -&gt; 2; "
    assert f"{line}resumed with another commit: a -&gt; &lt;b&gt;\n" in result_markdown(other)


def test_what_was_not_measured_is_said() -> None:
    nothing = replace(COMPARISON, before=Score(0, math.nan, math.nan))
    assert "not measured" in printed(replace(RESULT, test=nothing))


def test_the_figure_marks_the_best_step_and_the_untrained_scores() -> None:
    figure = result_figure(RESULT)
    left, right = figure.axes
    assert [
        line.get_xydata().tolist()
        for line in left.lines
        if line.get_label() == "best on val: 0.800"
    ] == [[[1, 0.8]]]
    dots = sorted(
        (dot for line in right.lines for dot in line.get_xydata().tolist()), key=lambda dot: dot[1]
    )
    assert dots == [[0.5, -0.15], [0.8, 0.15], [0.5, 0.85], [0.5, 1.15]]
    assert right.get_title("left") == "by skill on test (grey: untrained)"
    assert right.get_xlabel() == "accuracy (± standard error, n = 100 items)"
    pixels = figure_to_array(figure)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (400, 1100, 3)
    assert pixels.min() < 50


def test_a_figure_says_which_skills_were_not_measured() -> None:
    both = {"add": BEFORE, "sort": Score(0, math.nan, math.nan)}
    test = replace(COMPARISON, skills_before=both, skills_after=both)
    figure = result_figure(replace(RESULT, test=test))
    shown = [text.get_text() for text in figure.axes[1].texts]
    assert shown == ["0.50 → 0.50, n = 100", "not measured → not measured, n = 0"]
    assert figure.axes[1].get_xlabel() == "accuracy (± standard error, n = 0 to 100 items)"


def transition(**metrics: float) -> Transition:
    info = {
        "metrics": {"accuracy": 0.5, "stderr": 0.02, "accepted": 30, "rejected": 0, **metrics},
        "cost": Cost(steps=1, examples=30),
    }
    return Transition(None, None, 0.125, None, False, False, info)


def test_live_progress_is_a_line_per_step_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with LiveProgress(Budget(steps=4), Console(file=out, width=120)) as live:
        live.say("training")
        live.observe(1, transition())
        live.observe(2, transition(rejected=2))
    assert out.getvalue().splitlines() == [
        "step   1  val accuracy 0.500 ± 0.020  reward +0.125  30 examples",
        "step   2  val accuracy 0.500 ± 0.020  reward +0.125  30 examples, 2 rejected",
    ]


def test_live_progress_shows_stage_and_budget_on_a_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system=None)
    with LiveProgress(Budget(steps=4, examples=100), console) as live:
        live.say("training on 30 examples")
        live.observe(1, transition())
        live.observe(2, transition())
    text = out.getvalue()
    assert "training on 30 examples" in text
    # 60 of 100 examples are a larger share than 2 of 4 steps.
    assert "60% of the budget, 2 steps, 40 examples left" in text
