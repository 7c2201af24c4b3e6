"""Pages in a headless Firefox: they load without an error, ask for nothing, and fit a phone.

Needs Firefox and websocket-client; without them these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import draw_bench
from teachgym.cli.watch import Watcher
from teachgym.report.comparison import read_compared
from teachgym.report.html import Page, Section, write_page, write_run_page
from teachgym.report.html.comparison_page import write_comparison
from teachgym.report.html.page import Browser, browse
from tests.report.html.firefox import Firefox, firefox
from tests.report.html.page_parts import make_run, poison

pytestmark = pytest.mark.slow

WIDTH = 390
"""Of a phone."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox") / "profile") as opened:
        opened.resize(WIDTH, 844)
        yield opened


def open_quietly(browser: Firefox, address: str) -> None:
    """Open a page; nothing is logged, nothing is asked for, and nothing is wider than the phone."""
    browser.open(address)
    assert browser.logged == []
    assert {url for url in browser.requests if not url.startswith("data:")} <= {address}
    width = browser.evaluate("document.documentElement.clientWidth")  # Without the scroll bar.
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    unnamed = "[...document.querySelectorAll('svg')].filter(s => !s.getAttribute('aria-label') && "
    unnamed += "!s.getAttribute('aria-hidden') && !s.querySelector('title')).length"
    assert browser.evaluate(unnamed) == 0


def test_a_broken_page_is_noticed(browser: Firefox, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<img src='http://127.0.0.1:59997/a.png'><script>nothing_there()</script>")
    browser.open(page.as_uri())
    assert any("nothing_there" in line for line in browser.logged)
    assert "http://127.0.0.1:59997/a.png" in browser.requests


def test_a_run_with_hostile_texts(browser: Firefox, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    poison(run, "copy")
    open_quietly(browser, write_run_page(run).as_uri())
    assert browser.evaluate("document.querySelectorAll('.browser article').length") == 50


def test_a_run_that_is_watched(browser: Firefox, tmp_path: Path) -> None:
    from threading import Thread

    run = make_run(tmp_path / "run")
    with Watcher(run.path) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        open_quietly(browser, server.address)
        server.shutdown()


def test_runs_beside_each_other(browser: Firefox, tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name).path for name in ("one", "two")]
    page = write_comparison(read_compared(folders), tmp_path / "page.html")
    open_quietly(browser, page.as_uri())


def test_a_bench(browser: Firefox, tmp_path: Path) -> None:
    small = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
    settings = {"student": "simulated", "task_settings": small, "budget": {"steps": 1}}
    arms = tuple(Arm(teacher, teacher) for teacher in ("uniform", "weakest", "alp"))
    suite = Suite("brief", 1, "for tests", arms, env_settings=settings, seeds=2)
    assert len(list(run_suite(suite, tmp_path, partial(map, attempt)))) == 6
    open_quietly(browser, draw_bench(BenchMaterial.read(suite, tmp_path), tmp_path).as_uri())


def test_ten_thousand_examples(browser: Firefox, tmp_path: Path) -> None:
    """A filter that leaves 19 of them has done so when the next question is asked."""
    rows = [[f"{i % 10}", "add" if i % 2 else "sort", f"prompt {i}", None] for i in range(10_000)]
    records = browse(Browser("data", ("step", "skill"), ("prompt", "target"), rows))
    page = Page("many", {}, [Section("s", "S", "", [records])], {})
    open_quietly(browser, write_page(tmp_path / "page.html", page).as_uri())
    field = "document.querySelector('input')"
    browser.evaluate(f"({field}.value = '999', {field}.dispatchEvent(new Event('input')))")
    said = browser.evaluate("document.querySelector('[aria-live]').textContent")
    assert said == "1 to 19 of 19 (10,000 in all)"
