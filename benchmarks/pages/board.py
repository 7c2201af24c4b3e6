"""The page of a board: every arm of every recorded bench in one table, to be filtered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from teachgym.agents import teacher_entry
from teachgym.benchmarks.bench.board import LINES, Entry
from teachgym.benchmarks.bench.forecast import budget_text
from teachgym.benchmarks.bench.leaderboard import compare_scores, room_share, show_p
from teachgym.benchmarks.bench.statistics import holm
from teachgym.benchmarks.bench.suites import Arm
from teachgym.envs.config import EnvConfig, short_name
from teachgym.experiment import student_name
from teachgym.registry import label
from teachgym.report.captions import short_commit
from teachgym.report.html import Cell, Page, Section, html_table, write_page
from teachgym.types import Score

BOARD = "board.html"
"""Name of the page in the board's folder."""
_WORDS = ("compared with", "observes")
_FILTERS = ("bench", "task", "student", "budget", "environment")
_COLUMNS = (
    "arm",
    "test accuracy",
    "compared with",
    "difference [95 %]",
    "p (Holm)",
    "share of the room [95 %]",
    "seeds",
    "observes",
    "bench",
    "task",
    "student",
    "budget",
    "environment",
)
_INTRO = (
    "Test was read once per run, for the student that was best on val; ± standard error over "
    "seeds. Differences are paired by seed, with 95 % intervals of Student's t; p-values are "
    "adjusted within a bench. The room is from what an arm is compared with to the control "
    "planned. Numbers of two benches can only be compared if they differ in nothing but their arms."
)

_ABOUT = (
    "What was run, and by which commits. The name of a bench above leads to a line for each run."
)


def draw_board(entries: Sequence[Entry], folder: Path) -> Path:
    """Write ``board.html`` into the board's folder."""
    return write_page(folder / BOARD, board_page(entries))


def board_page(entries: Sequence[Entry]) -> Page:
    """All benches in one table, and what each is."""
    runs = sum(len(entry.lines) for entry in entries)
    facts = {"Benches": f"{len(entries)}", "Runs": f"{runs:,}"}
    rows = [_COLUMNS, *(row for entry in entries for row in _rows(entry))]
    table = html_table(rows, sortable=True, words=_WORDS, filters=_FILTERS)
    about = html_table(
        [*_benches(entries)], words=("suite", "what it compares", "commits", "versions")
    )
    return Page(
        "Teachers compared",
        facts,
        [
            Section("board", "Board", _INTRO, [table]),
            Section("benches", "Benches", _ABOUT, [about]),
        ],
        {},
    )


def _rows(entry: Entry) -> Iterator[Sequence[str | Cell]]:
    """A row for each arm of a bench, best mean test accuracy first."""
    scores, suite = entry.scores, entry.suite
    tests = {
        arm.name: compare_scores(scores[arm.name], scores[other])
        for arm in entry.arms
        if (other := suite.compared(arm)) != arm.name
        and scores.get(other, {}).keys() & scores[arm.name].keys()
    }
    adjusted = holm({name: test.p for name, test in tests.items()})
    means = {arm.name: Score.of_repetitions(scores[arm.name].values()) for arm in entry.arms}
    for arm in sorted(entry.arms, key=lambda arm: -means[arm.name].mean):
        test, against = tests.get(arm.name), suite.compared(arm)
        room = room_share(scores, arm.name, against)
        yield (
            f"{arm.name}{' (control)' * arm.control}{' (tuned)' * arm.tuned}",
            means[arm.name].show(".4f"),
            against if test else "",
            test.show() if test else "",
            show_p(adjusted[arm.name]) if test else "",
            room.show(2) if room else "",
            str(means[arm.name].n),
            teacher_entry(arm.teacher).observes or "",
            Cell(entry.name, link=f"{entry.name}{LINES}"),
            *_setting(entry, arm),
        )


def _setting(entry: Entry, arm: Arm) -> tuple[str, str, str, str]:
    """Task, student, budget and environment of an arm."""
    config = entry.cell(arm).config
    task = config.env_settings.get("task", EnvConfig.task)
    return label(task), label(student_name(config)), budget_text(config), short_name(config.env)


def _benches(entries: Sequence[Entry]) -> Iterator[Sequence[str]]:
    yield ("bench", "suite", "what it compares", "runs", "commits", "versions")
    for entry in entries:
        suite = entry.suite
        yield (
            entry.name,
            f"{suite.name} v{suite.version}",
            suite.description,
            f"{len(entry.lines):,}",
            *(
                ", ".join(dict.fromkeys(show(str(line[name])) for line in entry.lines))
                for name, show in (("commit", short_commit), ("version", str))
            ),
        )
