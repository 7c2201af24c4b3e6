"""What the page of a bench says is true, however few of its seeds are finished."""

from __future__ import annotations

import math
import re
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.statistics import improvement
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.captions import ERRORS, INTERVALS, errors, intervals
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import bench_page, paper_charts
from teachgym.report.html import html_table
from teachgym.report.html.page import page_bytes

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 6, "train_per_cell": 1},
    "examples_per_step": 200,
    "budget": {"steps": 1},
}
SUITE = Suite(
    "few",
    1,
    "for tests",
    (Arm("uniform", "uniform", control=True), Arm("weak", "weakest"), Arm("alp", "alp")),
    env_settings=SMALL,
    seeds=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of five seeds, which pages of fewer are made of."""
    path = tmp_path_factory.mktemp("bench") / "few"
    list(run_suite(SUITE, path, partial(map, attempt)))
    return path


@pytest.mark.sweep(1)
@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_captions_promise_what_is_there(folder: Path, n: int) -> None:
    """Errors take two runs, bootstrap intervals five."""
    bench = BenchMaterial.read(SUITE.narrowed(seeds=n), folder)
    page = unescape(page_bytes(bench_page(bench)).decode())
    seen = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    assert (ERRORS in seen) == (n >= 2)
    assert n > 1 or "no standard error of one run" in seen.lower()
    assert (INTERVALS in seen) == (n >= 5)
    assert ("interquartile mean [95 %]" in seen) == (n >= 5)
    assert ("no interval below 5 runs" in seen.lower()) == (n < 5)
    known = any(line.against.known for line in bench.standings if line.against)
    assert ("minus uniform [95 %]" in seen) == known == (n >= 4)
    assert (f"equal in {n} seeds" in seen) == (n > 1)
    for figure in ("Performance profiles", "Chance of improvement", "beats uniform"):
        assert (figure in seen) == (n >= 5)
    assert ("No arm has 5 seeds" in seen) == (n < 5)
    assert not re.search(r"\bnan\b", re.sub(r"<[^>]*>", " ", seen))
    assert not re.search(r"<td[^>]*></td>", page)


def test_pairs_of_arms_are_compared_with_interval_and_n(folder: Path) -> None:
    """An arm beats the other as often as it is not beaten: the two chances sum to 1."""
    bench = BenchMaterial.read(SUITE, folder)
    pair = bench.scores["weak"], bench.scores["alp"]
    chance = improvement(*pair, np.random.default_rng(0))
    assert improvement(*pair[::-1], np.random.default_rng(0)).value == 1 - chance.value
    assert math.isfinite(chance.low)
    page = unescape(page_bytes(bench_page(bench)).decode())
    assert f"weak beats alp: {chance}, n = 5 and 5 runs" in page


@pytest.mark.parametrize("n", [1, 4, 5])
def test_figures_promise_what_is_there(folder: Path, n: int) -> None:
    charts = paper_charts(BenchMaterial.read(SUITE.narrowed(seeds=n), folder))
    assert list(charts) == ["leaderboard", "profiles"][: 1 + (n >= 5)]
    for chart in charts.values():
        assert (INTERVALS in chart.note) == (n >= 5)


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "commit", ["not in a checkout", "a" * 40, "0f" * 20 + "-dirty", "feedface"]
)
def test_only_commits_are_cut(folder: Path, commit: str) -> None:
    bench = BenchMaterial.read(SUITE.narrowed(seeds=1), folder)
    object.__setattr__(bench, "commits", [commit])
    shown = bench_page(bench).facts["Commit"]
    whole = re.fullmatch(r"[0-9a-f]{40}(-dirty)?", commit) is None
    assert (shown == commit) if whole else (shown == commit[:10] + commit[40:])


@given(st.lists(st.integers(0, 9), max_size=6))
def test_a_promise_holds_for_all_or_says_for_which(counts: list[int]) -> None:
    for promise, what, fewest in ((errors, ERRORS, 2), (intervals, INTERVALS, 5)):
        have = [count >= fewest for count in counts if count]
        said = promise(counts)
        assert (what in said) == any(have)
        assert (f"from {fewest} runs on" in said) == (any(have) and not all(have))


CELLS = st.lists(st.tuples(*[st.sampled_from(["", "x", "1"])] * 4), min_size=1, max_size=5)


@given(CELLS)
def test_no_table_has_an_empty_cell_or_column(body: list[tuple[str, ...]]) -> None:
    table = html_table([("a", "b", "c", "d"), *body])
    assert not re.search(r"<td[^>]*></td>", table)
    for number, name in enumerate("bcd", 1):
        assert (f">{name}</th>" in table) == any(row[number] for row in body)
