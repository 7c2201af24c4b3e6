"""What the page and the figures of a run say is true, however little was measured or made."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teachgym.forest import Forest
from teachgym.report.captions import item_errors, short_commit
from teachgym.report.figures import result_figure, run_charts
from teachgym.report.html.material import RunMaterial
from teachgym.report.html.page import render_page
from teachgym.report.html.run_page import run_page
from teachgym.report.tables import markdown_rows, score_rows
from teachgym.report.teaching import gain_rows
from teachgym.runs.result import Comparison
from teachgym.types import Prediction, Report, Score
from tests.report.html.page_parts import make_run

SCORES = st.lists(st.sampled_from([0.0, 1.0, 0.5, math.nan]), min_size=1, max_size=6)
LESS = st.fixed_dictionaries(
    {
        "steps": st.integers(1, 2),
        "best_step": st.integers(0, 2),
        "val": SCORES,
        "test": SCORES,
        "written": st.sampled_from([0, 1, 2, 10_000]),
        "losses": st.booleans(),
        "forest": st.sampled_from(["none", "bare", "grown"]),
    }
)
"""What is left of a run; scores are those of the untrained student."""
DRAWN = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])


Narrow = Callable[[dict[str, Any]], RunMaterial]


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Narrow:
    """Less of a run of a skill tree."""
    whole = RunMaterial.read(make_run(tmp_path_factory.mktemp("captions") / "run"))
    return lambda left: narrow(whole, left)


def scored(report: Report, scores: list[float]) -> Report:
    """The first answers of a report with other scores."""
    pairs = zip(report.predictions, scores, strict=False)
    return Report(tuple(Prediction(p.example, p.response, s) for p, s in pairs), report.split)


def narrow(whole: RunMaterial, left: dict[str, Any]) -> RunMaterial:
    """A run of few steps and items, and perhaps without data, losses or subskills.

    On ``val`` something was measured each time: an environment goes no further without.
    """
    steps, best_step = left["steps"], min(left["best_step"], left["steps"])
    scores = [*left["val"][1:], 1.0]
    val = {
        step: scored(whole.val[step], scores[::-1] if step else scores) for step in range(steps + 1)
    }
    untrained, best = (
        scored(whole.test[0], left["test"]),
        scored(whole.test[1], left["test"][::-1]),
    )
    written = whole.written[: left["written"]]
    forests = {"none": None, "bare": Forest.bare(["add", "sort"], 2), "grown": whole.forest}
    return replace(
        whole,
        result=replace(
            whole.result,
            val=Comparison.of(val[0], val[best_step]),
            test=Comparison.of(untrained, best),
            curve=tuple(report.overall for report in val.values()),
            steps=steps,
            best_step=best_step,
        ),
        metrics=whole.metrics[: steps + 1],
        val=val,
        test=(untrained, best),
        written=written if left["losses"] else tuple(replace(w, loss=None) for w in written),
        forest=forests[left["forest"]],
    )


@DRAWN
@given(LESS)
def test_a_page_promises_what_is_there(narrowed: Narrow, left: dict[str, Any]) -> None:
    run = narrowed(left)
    page = unescape(render_page(run_page(run)))
    seen = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    for figure in re.findall(r"<figure>.*?</figure>", seen, flags=re.DOTALL):
        caption = figure.partition("</figcaption>")[0]
        assert ("± standard error" in caption) == ('class="whisker"' in figure), caption
    texts = re.sub(r"<[^>]*>", " ", seen)
    assert not re.search(
        r"\bnan\b|± \S+ \(n=[01]\)|(?<!to )\b1 (items|steps)\b|n = \d+ items? items?", seen
    )
    assert not re.search(r"<t[dh][^>]*></t[dh]>", page)
    assert ("[95 %]" in texts) == math.isfinite(run.result.gap.stderr)
    assert ("which is the untrained one" in texts) == (run.result.best_step == 0)
    accepted = [w for w in run.written if w.verdict == "accepted"]
    assert ("shaded by their number" in texts) == bool(accepted)
    assert ("Nothing was trained on" in texts) == (not accepted)
    assert ("No example was made" in texts) == (not run.written)
    assert ("The loss is" in texts) == any(w.loss is not None for w in run.written)
    assert ("Nothing was discovered" in texts) == (run.forest is not None and not any(run.forest))


@settings(DRAWN, max_examples=10)
@given(LESS)
def test_figures_promise_what_is_there(narrowed: Narrow, left: dict[str, Any]) -> None:
    result = narrowed(left).result
    shown = [*result.test.skills_before.values(), *result.test.skills_after.values()]
    said = {"learning_curve": item_errors(result.curve), "skills": item_errors(shown)}
    for name, chart in run_charts(result).items():
        assert said[name] in chart.note
    left, right = result_figure(result).axes
    assert said["learning_curve"] in left.get_title("left")
    assert item_errors([*result.test.skills_after.values()]) in right.get_xlabel()


@DRAWN
@given(LESS)
def test_tables_of_a_run_have_no_empty_cells(narrowed: Narrow, left: dict[str, Any]) -> None:
    run = narrowed(left)
    for rows in (score_rows(run.result), gain_rows(*(r.predictions for r in run.test))):
        assert not re.search(r"\| *\||\bnan\b|± \S+ \(n=[01]\)", markdown_rows(rows))


@given(st.text())
def test_what_is_no_commit_is_never_cut(text: str) -> None:
    assert short_commit(text) == text or re.match(r"[0-9a-f]{40}", text)


@given(st.lists(st.integers(0, 4), max_size=5))
def test_a_promise_holds_for_all_or_says_for_which(counts: list[int]) -> None:
    said = item_errors([Score(n, 0.5, 0.1) for n in counts])
    have = [n >= 2 for n in counts if n]
    assert ("± standard error" in said) == any(have)
    assert ("from 2 items on" in said) == (any(have) and not all(have))
    assert ("not measured" in said) == (not any(counts))
