"""The page of a bench, and the statistics that only it needs."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.statistics import improvement, mean_curve, profile
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.costs import pareto_front
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import draw_bench
from teachgym.report.html import write_run_page
from teachgym.runs import RunFolder

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 2, "examples": 80},
}
EVIL = "<img src=x>"
SUITE = Suite(
    "small",
    1,
    f"for tests {EVIL}",
    (
        Arm("uniform", "uniform", control=True),
        Arm("weak", "weakest", {"power": 2.0}),
        Arm("no-data", "nothing", control=True),
    ),
    env_settings=SMALL,
    seeds=3,
)
RNG = np.random.default_rng


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of which two seeds of every arm are done, and the page of one run."""
    folder = tmp_path_factory.mktemp("bench") / "small"
    list(run_suite(SUITE.narrowed(seeds=2), folder, partial(map, attempt)))
    write_run_page(RunFolder.open(folder / "weak" / "seed_01"))
    return folder


@pytest.fixture(scope="module")
def page(bench: Path) -> str:
    """Its page."""
    return draw_bench(BenchMaterial.read(SUITE, bench), bench).read_text()


@pytest.mark.slow
def test_cells_that_are_not_finished_are_shown_as_such(page: str) -> None:
    assert "<dd>6 of 9; 0 begun</dd>" in page
    assert page.count("<td>missing</td>") == 3
    assert page.count("<td>2 of 3</td>") == 3


def test_control_arms_are_marked_and_every_arm_has_a_line(page: str) -> None:
    for name in ("uniform (control)", "no-data (control)", "weak"):
        assert f'<td class="words">{name}</td>' in page


def test_a_page_begins_with_a_sentence_of_facts(page: str) -> None:
    assert '<p class="lead">The one difference is that of weak from uniform: ' in page


def test_runs_are_linked_where_they_have_a_page(page: str) -> None:
    assert page.count('.html"') == page.count('<a href="weak/seed_01/report.html">') == 1


def test_pairs_of_arms_are_not_compared_by_two_runs_each(page: str) -> None:
    assert "beats no-data" not in page
    assert "No arm has 5 seeds" in page


def test_descriptions_are_texts(page: str) -> None:
    assert "<img" not in page
    assert "for tests &lt;img src=x&gt;" in page


def test_figures_for_papers_lie_beside_the_page(bench: Path, page: str) -> None:
    names = {path.name for path in (bench / "figures").iterdir()}
    assert names == {"leaderboard.png", "leaderboard.svg"}


def test_a_bench_without_results_has_a_page_that_says_so(tmp_path: Path) -> None:
    text = draw_bench(BenchMaterial.read(SUITE, tmp_path), tmp_path).read_text()
    assert "<dd>0 of 9; 0 begun</dd>" in text
    assert text.count("<td>missing</td>") == 9
    assert "<svg" not in text


def test_few_runs_have_no_interval() -> None:
    few, many = np.array([0.5, 0.4, 0.3, 0.7]), np.arange(6) / 5
    assert improvement(few, many, RNG(0)).value == pytest.approx(11.5 / 24)
    assert math.isnan(improvement(few, many, RNG(0)).low)
    assert [math.isnan(share.high) for share in profile(few, [0.1, 0.9], RNG(0))] == [True, True]


def test_where_every_run_wins_the_interval_is_that_of_so_many_wins() -> None:
    """Five of five: a chance of 0.025 ** (1 / 5) = 0.478 wins all in 2.5 % of cases."""
    high, low = np.full(5, 0.9), np.linspace(0.1, 0.2, 7)
    won, lost = improvement(high, low, RNG(0)), improvement(low, high, RNG(0))
    assert (won.value, won.low, won.high) == pytest.approx((1.0, 0.4782, 1.0), abs=1e-4)
    assert (lost.value, lost.low, lost.high) == pytest.approx((0.0, 0.0, 0.5218), abs=1e-4)
    unsure = improvement(np.arange(6) / 5, np.arange(5) / 4 + 0.01, RNG(0))
    assert unsure.low < unsure.value < unsure.high


def test_a_weaker_arm_is_never_the_surer_one() -> None:
    """100 of 100 pairs won by 10 runs reach down to 0.025 ** 0.1 = 0.69; so do 99 of 100."""
    low, high = np.arange(10) / 10, np.arange(10) / 10 + 2
    nearly = high.copy()
    nearly[0] = 0.85
    assert improvement(nearly, low, RNG(0)).value == 0.99
    assert improvement(nearly, low, RNG(0)).low <= improvement(high, low, RNG(0)).low
    assert improvement(low, nearly, RNG(0)).high >= improvement(low, high, RNG(0)).high


def test_runs_of_one_seed_are_compared_where_seeds_differ_more_than_arms() -> None:
    """Always 0.01 better, between 0 and 0.9: 6 of 6 pairs, but 21 of 36 without regard to seeds."""
    low = np.array([0.0, 0.1, 0.3, 0.5, 0.8, 0.9])
    paired = improvement(low + 0.01, low, RNG(0), paired=True)
    assert (paired.value, paired.low) == pytest.approx((1.0, 0.025 ** (1 / 6)))
    assert improvement(low + 0.01, low, RNG(0)).value == pytest.approx(21 / 36)
    mixed = improvement(np.array([1.0, 0, 1, 0, 1, 1]), np.full(6, 0.5), RNG(0), paired=True)
    assert mixed.value == pytest.approx(4 / 6)
    assert mixed.low < mixed.value < mixed.high


def test_profiles_fall_from_all_runs_to_none() -> None:
    """Of 0.2 and 0.4, three times each: all above 0.1, half above 0.3, none above 0.4 itself."""
    shares = profile(np.array([0.2, 0.4] * 3), [0.1, 0.3, 0.4], RNG(0))
    assert [share.value for share in shares] == [1.0, 0.5, 0.0]
    assert (shares[1].low, shares[1].high) == (0.0, 1.0)


def test_a_mean_curve_ends_where_the_shortest_run_ends() -> None:
    curve = mean_curve([[0.0, 1.0, 1.0], [1.0, 0.0]])
    assert [(e.mean, e.n) for e in curve] == [(0.5, 2), (0.5, 2)]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(point: tuple[int, int]) -> bool:
        return any(p != point and p[0] <= point[0] and p[1] >= point[1] for p in points)

    front = pareto_front(points)
    assert sorted(front) == [i for i, point in enumerate(points) if not beaten(point)]
