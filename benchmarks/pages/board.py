"""The page of a board: every arm of every recorded bench in one table, to be filtered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

BOARD = "board.html"
"""Name of the page in the board's folder."""
_WORDS = ("compared with", "observes")
_SETTING = ("task", "student", "budget", "environment")
_COLUMNS = (
    "arm",
    "test accuracy",
    "compared with",
    "difference [95 %]",
    "p (Holm)",
    "share of the room [95 %]",
    "observes",
    "bench",
    *_SETTING,
)
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
    rows = [_COLUMNS, *(row for entry in entries for row in _rows(entry))]
    filters = ("bench", *_SETTING)
    table = html_table(rows, sortable=True, words=_WORDS, filters=filters, unseen=_SETTING)
    about = html_table(
        [*_benches(entries)],
        words=("what it compares", *_SETTING, "commits", "versions"),
    )
    return Page(
        "Teachers compared",
        facts,
        [
            Section("board", "Board", _INTRO + _ROOM * any(rooms.values()), [table]),
            Section("benches", "Benches", _ABOUT, [about]),
        ],
        {},
    )


def _rows(entry: Entry) -> Iterator[Sequence[str | Cell]]:
    """A row for each arm of a bench, best mean test accuracy first."""
    arms = {arm.name: arm for arm in entry.suite.arms}
    for line in entry.standings:
        assert line.test is not None
        yield (
            f"{line.arm}{' (control)' * line.control}{' (tuned)' * line.tuned}",
            f"{line.test.show('.4f')} (n={line.test.n})",
            line.reference if line.against else "",
            line.against.show() if line.against else "",
            show_p(line.p),
            line.room.show(2) if line.room else "",
            line.observes,
            Cell(entry.name, link=f"{entry.name}{LINES}"),
            *_setting(entry.suite, arms[line.arm]),
        )


def _setting(suite: Suite, arm: Arm) -> tuple[str, str, str, str]:
    """Task, student, budget and environment of an arm."""
    config = Run(suite, arm, suite.first_seed).config
    task = config.env_settings.get("task", EnvConfig.task)
    return label(task), label(student_name(config)), budget_text(config), short_name(config.env)


def _benches(entries: Sequence[Entry]) -> Iterator[Sequence[str]]:
    yield ("bench", "what it compares", *_SETTING, "runs", "commits", "versions")
    for entry in entries:
        suite = entry.suite
        settings = zip(*(_setting(suite, arm) for arm in suite.arms), strict=True)
        yield (
            entry.name,
            f"{suite.description} (suite {suite.name} v{suite.version})",
            *("; ".join(dict.fromkeys(values)) for values in settings),
            f"{len(entry.lines):,}",
            ", ".join(dict.fromkeys(short_commit(line["commit"]) for line in entry.lines)),
            ", ".join(dict.fromkeys(line["version"] for line in entry.lines)),
        )
