"""The page of a board: every arm of every recorded bench in one table, to be filtered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from teachgym.assembly import student_name
from teachgym.benchmarks.bench.board import LINES, Entry
from teachgym.benchmarks.bench.forecast import budget_text
from teachgym.benchmarks.bench.leaderboard import CEILING, show_p
from teachgym.benchmarks.bench.statistics import FEWEST
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.bench.suites import Cell as Run
from teachgym.envs.config import EnvConfig, short_name
from teachgym.registry import label
from teachgym.report.captions import short_commit
from teachgym.report.html import Cell, Page, Section, html_table, write_page
from teachgym.report.tables import tabulate

BOARD = "board.html"
"""Name of the page in the board's folder."""
_WORDS = ("compared with", "observes")
_SETTING = ("task", "student", "budget", "environment")
_INTRO = (
    "Test was read once per run, for the student that was best on val. Means are over n seeds, ± "
    "standard error. Differences are paired by seed, with 95 % intervals of Student's t; p-values "
    "are adjusted within a bench. Numbers of two benches can only be compared if the benches "
    "differ in nothing but their arms."
)
_ROOM = (
    " The room is the distance from the arm that a row is compared with to the control "
    f"{CEILING}. Its share has a bootstrap interval; it is left out where the three arms share "
    f"fewer than {FEWEST} seeds, or where the room is not surely above 0."
)
_ABOUT = (
    "What was run, in which settings and by which commits. The name of a bench in the table above "
    "leads to a file with a line for each run."
)


def draw_board(entries: Sequence[Entry], folder: Path) -> Path:
    """Write ``board.html`` into the board's folder."""
    return write_page(folder / BOARD, board_page(entries))


def board_page(entries: Sequence[Entry]) -> Page:
    """All benches in one table, those that have a room first, and what each is."""
    rooms = {entry.name: any(line.room for line in entry.standings) for entry in entries}
    entries = sorted(entries, key=lambda entry: not rooms[entry.name])
    runs = sum(len(entry.lines) for entry in entries)
    facts = {"Benches": f"{len(entries)}", "Runs": f"{runs:,}"}
    rows = tabulate(row for entry in entries for row in _rows(entry))
    filters = ("bench", *_SETTING)
    table = html_table(rows, sortable=True, words=_WORDS, filters=filters, unseen=_SETTING)
    words = ("what it compares", *_SETTING, "commits", "versions")
    about = html_table(tabulate(map(_bench, entries)), words=words)
    return Page(
        "Teachers compared",
        facts,
        [
            Section("board", "Board", _INTRO + _ROOM * any(rooms.values()), [table]),
            Section("benches", "Benches", _ABOUT, [about]),
        ],
        {},
    )


def _rows(entry: Entry) -> Iterator[Mapping[str, str | Cell]]:
    """A row for each arm of a bench, best mean test accuracy first."""
    arms = {arm.name: arm for arm in entry.suite.arms}
    for line in entry.standings:
        assert line.test is not None
        yield {
            "arm": line.title,
            "test accuracy": f"{line.test.show('.4f')} (n={line.test.n})",
            "compared with": line.reference if line.against else "",
            "difference [95 %]": line.against.show() if line.against else "",
            "p (Holm)": show_p(line.p),
            "share of the room [95 %]": line.share,
            "observes": line.observes,
            "bench": Cell(entry.name, link=f"{entry.name}{LINES}"),
            **dict(zip(_SETTING, _setting(entry.suite, arms[line.arm]), strict=True)),
        }


def _setting(suite: Suite, arm: Arm) -> tuple[str, str, str, str]:
    """Task, student, budget and environment of an arm."""
    config = Run(suite, arm, suite.first_seed).config
    task = config.env_settings.get("task", EnvConfig.task)
    return label(task), label(student_name(config)), budget_text(config), short_name(config.env)


def _bench(entry: Entry) -> Mapping[str, str]:
    """The row of a bench."""
    suite, lines = entry.suite, entry.lines
    settings = zip(*(_setting(suite, arm) for arm in suite.arms), strict=True)
    return {
        "bench": entry.name,
        "what it compares": f"{suite.description} (suite {suite.name} v{suite.version})",
        **{n: "; ".join(dict.fromkeys(own)) for n, own in zip(_SETTING, settings, strict=True)},
        "runs": f"{len(lines):,}",
        "commits": ", ".join(dict.fromkeys(short_commit(line["commit"]) for line in lines)),
        "versions": ", ".join(dict.fromkeys(line["version"] for line in lines)),
    }
