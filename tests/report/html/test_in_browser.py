"""The page in a headless Chromium: it works, and asks nothing of the network.

Needs selenium, Chromium and its driver; without them these tests are skipped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.runner import run_suite
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import draw_bench
from teachgym.report.html import Page, Section, html_table, write_page, write_run_page
from teachgym.report.html.page import Browser, browse
from tests.report.html.page_parts import EVIL, SHOWN, make_run, poison

webdriver = pytest.importorskip("selenium.webdriver")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser as wide as a phone."""
    names = ("chromium", "chromium-browser", "google-chrome")
    binary = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    yield browser
    browser.quit()


def js(browser: Any, code: str) -> Any:
    return browser.execute_script(f"return {code}")


def type_into(browser: Any, place: str, value: str) -> None:
    """Set a filter as a reader would."""
    code = (
        "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'))"
    )
    browser.execute_script(code, place, value)


def requests(browser: Any) -> list[str]:
    """Addresses that were asked for since the last call."""
    messages = (json.loads(line["message"])["message"] for line in browser.get_log("performance"))
    sent = (m for m in messages if m["method"] == "Network.requestWillBeSent")
    return [m["params"]["request"]["url"] for m in sent]


def test_a_run_page_loads_without_errors_or_requests(chromium: Any, tmp_path: Path) -> None:
    """Hostile texts are on it; whatever ran would show in the title or the log."""
    run = make_run(tmp_path / "run")
    poison(run, "copy")
    page = write_run_page(run)
    requests(chromium)
    chromium.get(page.as_uri())
    assert chromium.get_log("browser") == []
    assert [url for url in requests(chromium) if not url.startswith("data:")] == [page.as_uri()]
    assert js(chromium, "document.querySelectorAll('img').length") == 0
    assert js(chromium, "document.querySelectorAll('.browser article').length") == 50
    type_into(chromium, "[data-source=answer-data] input", "alert(1)")
    first = "document.querySelector('[data-source=answer-data] dd').textContent"
    assert js(chromium, f"{first}.slice(0, 50)") == EVIL[:50]
    wide = js(chromium, "document.documentElement.scrollWidth")
    assert wide == 390


def test_a_bench_with_conditions_fits_a_phone(chromium: Any, tmp_path: Path) -> None:
    """Wide tables scroll by themselves, the page does not; a radar for the one teacher."""
    small = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
    settings = {"student": "simulated", "task_settings": small, "budget": {"steps": 1}}
    arms = [
        Arm(f"{teacher}{ending}", teacher, against=f"uniform{ending}", condition=ending[1:])
        for ending in ("", "-a", "-b")
        for teacher in ("uniform", "weakest")
    ]
    suite = Suite("conditions", 1, "for tests", tuple(arms), env_settings=settings, seeds=5)
    assert len(list(run_suite(suite, tmp_path, partial(map, attempt)))) == 30
    chromium.get(draw_bench(BenchMaterial.read(suite, tmp_path), tmp_path).as_uri())
    assert chromium.get_log("browser") == []
    assert js(chromium, "document.querySelectorAll('#stress svg').length") == 1
    assert js(chromium, "document.documentElement.scrollWidth") == 390


def test_intervals_go_below_their_values_where_a_table_is_too_wide(
    chromium: Any, tmp_path: Path
) -> None:
    """Six columns fit a window of 1,280 pixels in two lines, four in one; words break first."""
    interval, words = "+0.0448 [+0.0123, +0.0773]", "it sees the accuracy of all skills"
    tables = [
        html_table(
            [("arm", "sees", *map(str, range(n))), ("a", said, *[interval] * n)], words=["sees"]
        )
        for n, said in ((4, "all"), (4, words), (6, "all"))
    ]
    page = Page("wide", {}, [Section("s", "S", "", tables)], {})
    size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())
    sides = "[...document.querySelectorAll('.scroll')].map(s => s.scrollWidth - s.clientWidth)"
    heights = "[...document.querySelectorAll('tbody tr')].map(r => r.offsetHeight)"
    tight = "[...document.querySelectorAll('.scroll')].map(s => s.classList.contains('tight'))"
    assert js(chromium, sides) == [0, 0, 0]
    assert js(chromium, tight) == [False, False, True]
    one, _, two = js(chromium, heights)
    assert 1.5 * one < two < 2.5 * one
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)


def test_rows_of_a_table_are_chosen_by_their_columns(chromium: Any, tmp_path: Path) -> None:
    """Of four rows two are of tiny, one of these with task b; students have no column."""
    rows = [("arm", "task", "student", "score")]
    rows += [(f"{t}{s}", t, s, "0.5") for t in "ab" for s in ("tiny", "small")]
    table = html_table(rows, sortable=True, filters=("task", "student"), unseen=("student",))
    page = Page("board", {}, [Section("s", "S", "", [table])], {})
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())
    shown = (
        "[...document.querySelectorAll('tbody tr:not([hidden])')].map(r => r.cells[0].innerText)"
    )
    seen = "[...document.querySelectorAll('th')].filter(h => h.offsetWidth).map(h => h.innerText)"
    assert js(chromium, seen) == ["arm", "task", "score"]
    type_into(chromium, ".filters label:nth-child(2) select", "tiny")
    assert js(chromium, shown) == ["atiny", "btiny"]
    type_into(chromium, ".filters label:nth-child(1) select", "b")
    assert js(chromium, shown) == ["btiny"]
    type_into(chromium, ".filters label:nth-child(2) select", "all")
    assert js(chromium, shown) == ["btiny", "bsmall"]
    assert chromium.get_log("browser") == []


@pytest.fixture
def many(chromium: Any, tmp_path: Path) -> Any:
    """A page of 10,000 records, number i of step i mod 10, and a table."""
    rows = [[f"{i % 10}", "add" if i % 2 else "sort", f"prompt {i}", None] for i in range(10_000)]
    table = html_table(
        [("name", "score"), ("b", "0.5 ± 0.1"), ("a", "0.25"), ("c", "none")], sortable=True
    )
    records = browse(Browser("data", ("step", "skill"), ("prompt", "target"), rows))
    page = Page("many", {}, [Section("s", "S", "", [table, records])], {})
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())
    return chromium


def shown(browser: Any) -> tuple[str, int]:
    count = js(browser, "document.querySelector('[aria-live]').textContent")
    return count, js(browser, "document.querySelectorAll('article').length")


def test_ten_thousand_examples_are_shown_a_few_at_a_time(many: Any) -> None:
    assert shown(many) == ("1 to 25 of 10,000 (10,000 in all)", 25)
    assert js(many, "document.querySelectorAll('*').length") < 600
    many.execute_script("document.querySelectorAll('.pager button')[1].click()")
    assert shown(many) == ("26 to 50 of 10,000 (10,000 in all)", 25)
    assert js(many, "document.querySelector('article dd').textContent") == "prompt 25"
    many.execute_script("document.querySelectorAll('.pager button')[0].click()")
    assert shown(many) == ("1 to 25 of 10,000 (10,000 in all)", 25)


def test_filters_filter_together(many: Any) -> None:
    """Below 10,000, three nines in a row are in x999 and 999x, ten each, of which 9999 is both."""
    type_into(many, "input", "999")
    assert shown(many) == ("1 to 19 of 19 (10,000 in all)", 19)
    type_into(many, "label:nth-of-type(2) select", "9")
    assert shown(many) == ("1 to 10 of 10 (10,000 in all)", 10)
    type_into(many, "label:nth-of-type(3) select", "sort")
    assert shown(many) == ("none (10,000 in all)", 0)


def test_records_are_ordered_by_a_number_with_unknown_ones_last(
    chromium: Any, tmp_path: Path
) -> None:
    """Losses none, 2, 10 and 0.5; the bar of 2 is a fifth of that of 10."""
    rows = [["1", name, loss] for name, loss in zip("abcd", (None, "2", "10", "0.5"), strict=True)]
    records = browse(Browser("data", ("step",), ("prompt",), rows, ("loss",)))
    page = Page("four", {}, [Section("s", "S", "", [records])], {})
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())

    def prompts(order: str) -> str:
        type_into(chromium, "label:last-of-type select", order)
        found: str = js(
            chromium, "[...document.querySelectorAll('dd')].map(d => d.textContent).join('')"
        )
        return found

    assert prompts("as recorded") == "abcd"
    assert prompts("loss, highest first") == "cbda"
    assert prompts("loss, lowest first") == "dbca"
    bars = "[...document.querySelectorAll('.meter')].map(b => b.style.getPropertyValue('--share'))"
    assert js(chromium, bars) == ["0.05", "0.2", "1"]


def test_plans_of_tool_calls_are_drawn_and_nothing_in_them_is_run(
    chromium: Any, tmp_path: Path
) -> None:
    """Two calls and one of what both give; a hostile one; and texts that only begin as a plan."""

    def node(number: int, name: Any, **args: Any) -> dict[str, Any]:
        return {"id": number, "name": name, "args": args}

    joined = [
        node(0, "reverse", text="cat"),
        node(1, "upper", text="dog"),
        node(2, "join", text="<node-0>.text", other="<node-1>.text"),
    ]
    hostile = [node(0, SHOWN, text=SHOWN), node("__proto__", "count", text="<node-9>.text", n=None)]
    others = ([node(0, 5)], [{"id": 0}], [node(0, "f")] * 9, [{"id": 0, "name": "f", "args": None}])
    texts = [json.dumps(plan, separators=(",", ":")) for plan in (joined, hostile, *others)]
    rows = [["1", text] for text in (*texts, '[{"id":')]
    records = browse(Browser("data", ("step",), ("target",), rows))
    page = Page("plans", {}, [Section("s", "S", "", [records])], {})
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())
    assert chromium.get_log("browser") == []
    assert js(chromium, "document.title") == "plans"
    assert js(chromium, "document.querySelectorAll('article').length") == 7
    labels = "[...document.querySelectorAll('svg.plan')].map(p => p.getAttribute('aria-label'))"
    assert js(chromium, labels) == ["Plan: reverse, upper, join", f"Plan: {SHOWN}, count"]
    said = (
        "[...document.querySelector('svg.plan').querySelectorAll('text')].map(t => t.textContent)"
    )
    assert js(chromium, said) == ["reverse", '"cat"', "upper", '"dog"', "join", ""]
    assert js(chromium, "document.querySelectorAll('svg.plan path').length") == 2


def test_programs_have_colours_and_turns_stand_apart_with_nothing_run_or_lost(
    chromium: Any, tmp_path: Path
) -> None:
    """A program, one in a conversation, a hostile one, and a text that only speaks of one."""
    code = "def f(x):\n # none\n return x+10 if x else 'if 1'"
    texts = [code, f"no\n\n[task] wrong\n\n[student] {code}", f"{code}{SHOWN}", "return 1 if so"]
    records = browse(Browser("data", ("step",), ("target",), [["1", text] for text in texts]))
    page = Page("code", {}, [Section("s", "S", "", [records])], {})
    chromium.get(write_page(tmp_path / "page.html", page).as_uri())
    assert chromium.get_log("browser") == []
    said = "[...document.querySelectorAll('dd')].map(d => d.textContent)"
    assert js(chromium, said) == [code, f"notask wrongstudent {code}", f"{code}{SHOWN}", texts[3]]
    spans = (
        "[...document.querySelectorAll('dd')[0].children].map(s => [s.className, s.textContent])"
    )
    assert js(chromium, spans) == [
        ["c0", "def"],
        ["quiet", "# none"],
        ["c0", "return"],
        ["c1", "10"],
        ["c0", "if"],
        ["c0", "else"],
        ["c2", "'if 1'"],
    ]
    turns = "[...document.querySelectorAll('.turn')].map(t => [t.className, t.children.length])"
    assert js(chromium, turns) == [["turn task", 1], ["turn student", 8]]
    assert js(chromium, "document.querySelectorAll('dd')[3].children.length") == 0


def test_tables_sort_by_number_and_by_name(many: Any) -> None:
    def names() -> list[str]:
        found: list[str] = js(
            many, "[...document.querySelectorAll('td:first-child')].map(c => c.textContent)"
        )
        return found

    click = "document.querySelectorAll('th button')[{}].click()"
    many.execute_script(click.format(1))
    assert names() == ["b", "a", "c"]
    assert js(many, "document.querySelectorAll('th')[1].getAttribute('aria-sort')") == "descending"
    many.execute_script(click.format(1))
    assert names() == ["c", "a", "b"]
    many.execute_script(click.format(0))
    assert names() == ["c", "b", "a"]


def test_the_theme_follows_the_system_until_it_is_switched(many: Any) -> None:
    def paper() -> str:
        found: str = js(many, "getComputedStyle(document.body).backgroundColor")
        return found

    for preferred in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": preferred}
        many.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        before = paper()
        assert before == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[preferred]
        many.execute_script("document.getElementById('theme').click()")
        assert paper() != before
        many.execute_script("document.getElementById('theme').click()")
        assert paper() == before
        many.execute_script("location.reload()")
