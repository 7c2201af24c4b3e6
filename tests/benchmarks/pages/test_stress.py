"""The page of a bench with conditions: grouped by them, each arm beside its own reference."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.charts import curve_charts, groups, standing_chart
from teachgym.benchmarks.pages.costs import price_rows
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import (
    bench_page,
    curve_section,
    draw_bench,
    dynamics_rows,
)
from teachgym.benchmarks.pages.stress import read_coping, stress_chart, stress_section, teacher_of
from teachgym.report.html.page import page_bytes

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 2, "examples": 80},
}
TIGHT = {"budget": {"steps": 2, "examples": 40}}
SUITE = Suite(
    "conditions",
    1,
    "for tests",
    (
        Arm("uniform", "uniform", control=True),
        Arm("weak", "weakest"),
        Arm("idle", "nothing"),
        Arm("uniform-tight", "uniform", {}, "", TIGHT, True, condition="tight"),
        Arm("weak-tight", "weakest", {}, "", TIGHT, against="uniform-tight", condition="tight"),
        Arm("idle-tight", "nothing", {}, "", TIGHT, against="uniform-tight", condition="tight"),
    ),
    env_settings=SMALL,
    seeds=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of which five of six seeds are done."""
    folder = tmp_path_factory.mktemp("bench") / "conditions"
    assert len(list(run_suite(SUITE.narrowed(seeds=5), folder, partial(map, attempt)))) == 30
    return folder


@pytest.fixture(scope="module")
def bench(folder: Path) -> BenchMaterial:
    """The same, read."""
    return BenchMaterial.read(SUITE, folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    """Its page."""
    return draw_bench(BenchMaterial.read(SUITE, folder), folder).read_text()


def test_teachers_keep_their_names_under_every_condition() -> None:
    assert [teacher_of(arm) for arm in SUITE.arms] == ["uniform", "weak", "idle"] * 2


def test_standings_are_grouped_by_condition_best_first(bench: BenchMaterial) -> None:
    assert list(bench.panels) == ["", "tight"]
    for condition, lines in bench.panels.items():
        assert {line.arm for line in lines} == {
            arm.name for arm in SUITE.arms if arm.condition == condition
        }
        means = [line.test.mean for line in lines if line.test]
        assert means == sorted(means, reverse=True)


@pytest.mark.slow
def test_the_table_of_stress_is_that_of_the_standings(bench: BenchMaterial, page: str) -> None:
    """``idle`` never beats anybody that learned: its difference and chance are shown."""
    table = read_coping(bench)
    assert list(table) == ["weak", "idle", "uniform"]
    for teacher in ("weak", "idle"):
        assert list(table[teacher]) == ["", "tight"]
    idle = table["idle"]["tight"]
    assert idle.standing.reference == "uniform-tight"
    assert idle.standing.against is not None
    assert f"{idle.standing.against.difference.mean:+.4f} ±" in page
    chance = bench.improvement("idle-tight", "uniform-tight")
    assert chance.note in page
    assert chance.note.endswith("n = 5 and 5 runs")


def test_a_chance_over_pairs_says_how_many_there_are(bench: BenchMaterial) -> None:
    """Of five runs each, the reference's last is missing."""
    fewer = {key: run for key, run in bench.results.items() if key != ("uniform", 4)}
    paired = replace(bench, suite=replace(bench.suite, seeded=("task_settings.seed",)))
    note = replace(paired, results=fewer).improvement("weak", "uniform").note
    assert note.endswith("n = 4 pairs")


def test_curves_that_end_early_are_said_to(bench: BenchMaterial) -> None:
    run = bench.results["weak", 0]
    assert "shortest" not in curve_section(bench).intro
    shorter = replace(run, steps=1, curve=run.curve[:2])
    intro = curve_section(replace(bench, results={**bench.results, ("weak", 0): shorter})).intro
    assert intro.startswith("Mean over seeds of the accuracy on val, up to the step at which the")


def test_every_teacher_has_a_radar_of_all_conditions(page: str) -> None:
    section = page[page.index('id="stress"') : page.index('id="leaderboard"')]
    assert section.count("<svg") == 3
    assert section.count(">tight</text>") == 3
    assert section.count(">no stress</text>") == 3


def test_arms_are_drawn_beside_what_they_are_compared_with(bench: BenchMaterial) -> None:
    assert dict(groups(bench, "")) == {"uniform": ["weak", "idle"]}
    tight = dict(groups(bench, "tight"))
    assert set(tight) == {"uniform-tight", "uniform"}
    assert tight["uniform-tight"] == ["weak-tight", "idle-tight"]
    assert standing_chart(bench, "").note.endswith("dashed: uniform")


def test_small_curves_show_the_reference_of_their_own_arm(bench: BenchMaterial) -> None:
    charts = dict(zip(bench.runs, curve_charts(bench), strict=True))
    notes = {arm: " ".join(tip.text for tip in chart.tips) for arm, chart in charts.items()}
    assert "uniform-tight, step 1" in notes["weak-tight"]
    assert "uniform, step 1" not in notes["weak-tight"]
    assert len(charts["uniform"].figure.axes[0].lines) == 1


def test_curves_are_drawn_together_by_condition(page: str) -> None:
    section = page[page.index('id="curves"') : page.index('id="costs"')]
    assert set(re.findall(r"<strong>(Learning curves: [^<]+)", section)) == {
        "Learning curves: no stress",
        "Learning curves: tight",
    }


def test_prices_and_dynamics_have_a_row_per_arm(bench: BenchMaterial) -> None:
    """``idle`` spent no examples, so they have no price; nor did its curve ever rise."""
    prices = {
        row[0]: dict(zip(price_rows(bench)[0], row, strict=True)) for row in price_rows(bench)
    }
    assert prices["idle (n=5)"]["examples per point"] == ""
    assert prices["idle (n=5)"]["steps per point"].startswith("no gain")
    weak = bench.runs["weak"]
    gained = sum(run.test.gain.mean for run in weak) / 5
    assert prices["weak (n=5)"]["examples per point"].split(",")[0].split(" ")[0] == (
        f"{80 / (100 * gained):.3g}" if gained > 0 else "no"
    )
    dynamics = {row[0]: row for row in dynamics_rows(bench)}
    assert dynamics["idle (n=5)"][1:] == ("0 of 2", *["+0.0000 ± 0.0000"] * 2, "no gain")


def test_only_the_leading_arms_are_read_skill_by_skill(bench: BenchMaterial, page: str) -> None:
    """Those of the first condition."""
    assert set(bench.leaders) == {"uniform", "weak", "idle"}
    assert set(bench.levels) == set(bench.results["weak", 0].test.skills_before)
    assert "<strong>weak: gain by difficulty</strong>" in page
    assert "<strong>idle: gain by share of the data</strong>" not in page


def test_radars_are_a_figure_too(folder: Path, page: str) -> None:
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"stress.png", "stress.svg"} <= names


def test_few_runs_have_no_radars_and_the_page_says_why(folder: Path) -> None:
    few = BenchMaterial.read(SUITE.narrowed(seeds=4), folder)
    assert stress_chart(few) is None
    section = stress_section(few)
    assert "Chances to beat the reference are left out: they take 5 runs of both." in section.intro
    assert "<svg" not in "".join(section.parts)


def test_conditions_without_results_are_no_obstacle(tmp_path: Path) -> None:
    list(run_suite(SUITE.narrowed(("weak",), seeds=1), tmp_path, partial(map, attempt)))
    page = page_bytes(bench_page(BenchMaterial.read(SUITE, tmp_path))).decode()
    assert page.count("<td>missing</td>") == 34
    assert "not run" in page
