"""A suite over two settings, by hand: what its tables, charts and page hold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.suites import make_suite
from teachgym.benchmarks.bench.suites.surface import BUDGETS, STEPS, TEACHERS
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import bench_tables, draw_bench
from teachgym.benchmarks.pages.surface import read_surfaces, surface_charts, surface_rows
from teachgym.errors import ConfigError

PLACES = ((500.0, 250.0), (500.0, 500.0), (1000.0, 500.0))
ARMS = tuple(f"alp-{budget:.0f}-by-{step:.0f}" for budget, step in PLACES)
SUITE = (
    make_suite("surface")
    .narrowed(ARMS, seeds=2)
    .changed({"task_settings": {"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1}})
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> BenchMaterial:
    """Two seeds of ``alp`` and ``uniform`` at three points and the suite's reference."""
    folder = tmp_path_factory.mktemp("bench") / "surface"
    suite = replace(SUITE, reference="uniform-500-by-250")
    list(run_suite(suite.narrowed(ARMS), folder, partial(map, attempt)))
    return BenchMaterial.read(suite.narrowed(ARMS), folder)


def test_every_budget_meets_every_step_that_fits_into_it() -> None:
    """5 x 5 less a step of 1,000 in a budget of 500, for each teacher; steps can use it up."""
    suite = make_suite("surface")
    assert len(suite.arms) == (len(BUDGETS) * len(STEPS) - 1) * len(TEACHERS)
    for cell in suite.narrowed(seeds=1).cells():
        budget, step = cell.place
        steps = cell.config.env_settings["budget"]["steps"]
        assert step * (steps - 1) < budget <= step * steps
        assert suite.compared(cell.arm) == f"uniform-{budget:.0f}-by-{step:.0f}"


@pytest.mark.slow
def test_rows_are_points_with_the_reference_and_the_difference_from_it(
    bench: BenchMaterial,
) -> None:
    surfaces = read_surfaces(bench)
    assert {name: tuple(own) for name, own in surfaces.items()} == {
        "uniform": PLACES,
        "alp": PLACES,
    }
    header, *rows = surface_rows(bench)
    assert header == ("budget (examples)", "examples per step", "uniform", "alp")
    assert [row[:2] for row in rows] == [("500", "250"), ("500", "500"), ("1,000", "500")]
    pairs = [
        [bench.results[f"{teacher}-1000-by-500", seed].test.after.mean for seed in range(2)]
        for teacher in ("alp", "uniform")
    ]
    change = sum(a - b for a, b in zip(*pairs, strict=True)) / 2
    assert rows[-1][3].startswith(f"{change:+.4f} ± ")
    assert bench_tables(bench)[0] == surface_rows(bench)


def test_the_page_has_a_table_a_teacher_and_a_chart_a_budget(
    bench: BenchMaterial, tmp_path: Path
) -> None:
    page = draw_bench(bench, tmp_path).read_text()
    assert "<strong>alp</strong>" in page
    assert "alp-1000-by-500: n = 2" in page
    assert [chart.title for chart in surface_charts(bench)] == [
        "budget (examples) 500",
        "budget (examples) 1,000",
    ]
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {f"surface-{n}.{kind}" for n in (1, 2) for kind in ("png", "svg")}


def test_points_do_not_hang_on_the_first_seed(bench: BenchMaterial) -> None:
    later = replace(bench, suite=replace(bench.suite, first_seed=3))
    assert read_surfaces(later) == read_surfaces(bench)


@pytest.mark.parametrize(("rate", "scale"), [(0.001, "log"), (0, "linear")])
def test_values_are_shown_whole_and_nothing_is_left_out_at_0(
    bench: BenchMaterial, rate: float, scale: str
) -> None:
    """Steps of 250 have the rate, others a rate of 0.002."""
    arms = tuple(
        replace(arm, env_settings={**arm.env_settings, "trainer_settings": {"learning_rate": own}})
        for arm in bench.suite.arms
        for own in (rate if arm.name.endswith("-250") else 0.002,)
    )
    axes = ("budget.examples", "trainer_settings.learning_rate")
    rated = replace(bench, suite=replace(bench.suite, arms=arms, axes=axes))
    header, *rows = surface_rows(rated)
    assert header[1] == "trainer settings (learning rate)"
    assert [row[1] for row in rows] == [str(rate), "0.002", "0.002"]
    chart = surface_charts(rated)[0]
    assert chart.figure.axes[0].get_xscale() == scale
    assert {tip.x for tip in chart.tips} == {rate, 0.002}


def test_a_surface_has_two_axes() -> None:
    with pytest.raises(ConfigError, match="axes of suite 'surface' are replay; give two or none"):
        replace(SUITE, axes=("replay",))
