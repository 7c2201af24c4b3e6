"""What comes onto a board is whole, and the board says of it what the bench says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.benchmarks.bench.board import Entry, add_bench, read_board
from teachgym.benchmarks.bench.leaderboard import stand
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import read_results
from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.pages.board import board_page
from teachgym.cli import app
from teachgym.errors import ConfigError, RunError
from teachgym.records import Record
from tests.benchmarks.bench.small_bench import SUITE, run_all

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "small"
    run_all(SUITE, folder)
    return folder


@pytest.fixture
def bench(finished: Path, tmp_path: Path) -> Path:
    """A copy of the bench, to be spoiled."""
    return Path(shutil.copytree(finished, tmp_path / "small"))


def test_a_bench_is_on_the_board_as_it_was_run(bench: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    outcome = CliRunner().invoke(app, ["board", str(board), "--add", str(bench)])
    assert outcome.exit_code == 0, outcome.output
    assert sorted(path.name for path in board.iterdir()) == [
        "board.html",
        "small.jsonl",
        "small.suite.json",
    ]
    [entry] = read_board(board)
    assert (entry.name, entry.suite) == ("small", SUITE)
    results = read_results(SUITE, bench)
    assert {key: outcome.test for key, outcome in entry.outcomes.items()} == {
        key: result.test.after.mean for key, result in results.items()
    }
    shown = "".join((board / "board.html").read_text().split("\n"))
    for line in stand(SUITE, outcomes_of(results)):
        assert line.test is not None
        assert line.test.show(".4f") in shown
        if line.against:
            assert line.against.difference.show("+.4f").split()[0] in shown
    for cell in ("2 steps, 80 examples", "SkillList", "simulated", "arithmetic-and-strings"):
        assert f'<td class="unseen">{cell}</td>' in shown
        assert f'<td class="words">{cell}</td>' in shown


def test_a_board_says_where_there_was_no_checkout_and_explains_only_what_it_has(
    bench: Path, tmp_path: Path
) -> None:
    lines = add_bench(bench, tmp_path / "board")
    without = [{**json.loads(line), "commit": None} for line in lines.read_text().splitlines()]
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in without))
    board, benches = board_page(read_board(tmp_path / "board")).sections
    assert "not in a checkout" in str(benches.parts[0])
    assert "room" not in board.intro


def test_a_bench_is_added_once_or_under_another_name(bench: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    add_bench(bench, board)
    with pytest.raises(RunError, match=r"is on the board already, and .*--name"):
        add_bench(bench, board)
    add_bench(bench, board, "again")
    assert [entry.name for entry in read_board(board)] == ["again", "small"]
    assert "Benches" in board_page(read_board(board)).facts


def told(entry: Entry) -> list[Record]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in entry.lines]


def test_more_seeds_of_a_bench_go_on_with_it(bench: Path, tmp_path: Path) -> None:
    """Two and two seeds are the same lines as four at once."""
    board, more, all_four = tmp_path / "board", tmp_path / "more", tmp_path / "all"
    run_all(SUITE.narrowed(first_seed=2), more)
    run_all(SUITE.narrowed(seeds=4), all_four)
    add_bench(bench, board)
    add_bench(more, board, "small")
    add_bench(all_four, board)
    grown, whole = read_board(board)[::-1]
    assert (grown.name, grown.suite) == ("small", whole.suite)

    assert told(grown) == told(whole)


def test_other_arms_of_a_bench_are_added_to_it(bench: Path, tmp_path: Path) -> None:
    """The arm of both stays as it was, and lines are those of all arms run at once."""
    board, few = tmp_path / "board", tmp_path / "few"
    run_all(SUITE.narrowed(("uniform",)), few)
    add_bench(few, board, "small")
    kept = (board / "small.jsonl").read_text().splitlines()
    add_bench(bench, board)
    add_bench(bench, board, "whole")
    grown, whole = read_board(board)
    assert {arm.name for arm in grown.suite.arms} == {arm.name for arm in whole.suite.arms}
    assert told(grown) == told(whole)
    assert set(kept) <= set((board / "small.jsonl").read_text().splitlines())


def test_arms_are_not_added_to_runs_of_another_code(bench: Path, tmp_path: Path) -> None:
    """The run of both has another result, as it would after a change."""
    board, few = tmp_path / "board", tmp_path / "few"
    run_all(SUITE.narrowed(("uniform",)), few)
    lines = add_bench(few, board, "small")
    changed = [json.loads(line) for line in lines.read_text().splitlines()]
    changed[1]["test_after"] += 0.01
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in changed))
    with pytest.raises(RunError, match=r"arm 'uniform' with seed 1 was .* so other arms are not"):
        add_bench(bench, board)
    assert len(read_board(board)[0].lines) == 2


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "other",
    [
        SUITE,
        SUITE.narrowed(first_seed=1),
        SUITE.narrowed(first_seed=3),
        SUITE.narrowed((), first_seed=2).changed({"replay": 0.5}),
        SUITE.narrowed(("uniform",), first_seed=2),
    ],
    ids=["the same seeds", "one again", "one between", "other settings", "fewer arms"],
)
def test_what_does_not_go_on_with_a_bench_is_not_added_to_it(
    bench: Path, tmp_path: Path, other: Suite
) -> None:
    board = tmp_path / "board"
    lines = add_bench(bench, board).read_text()
    run_all(other, tmp_path / "other")
    with pytest.raises(RunError, match=r"does not continue it; .*--first-seed 2"):
        add_bench(tmp_path / "other", board, "small")
    assert (board / "small.jsonl").read_text() == lines


def test_recorded_lines_make_the_tables_of_their_runs(bench: Path, tmp_path: Path) -> None:
    lines = add_bench(bench, tmp_path / "board")
    CliRunner().invoke(app, ["report", str(bench)])
    outcome = CliRunner().invoke(app, ["report", str(lines), "--markdown"])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output == (bench / "leaderboard.md").read_text()


def test_a_bench_with_a_run_that_is_missing_is_refused(bench: Path, tmp_path: Path) -> None:
    shutil.rmtree(bench / "weak" / "seed_01")
    with pytest.raises(
        RunError, match=r"1 of 4 runs .* not finished, first arm 'weak' with seed 1"
    ):
        add_bench(bench, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_a_bench_whose_files_were_changed_is_refused(bench: Path, tmp_path: Path) -> None:
    path = bench / "weak" / "seed_01" / "examples.jsonl"
    path.write_text(path.read_text().replace('"skill"', '"skull"', 1))
    with pytest.raises(RunError, match=r"examples.jsonl"):
        add_bench(bench, tmp_path / "board")


def test_a_run_that_went_on_with_something_else_is_refused(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = read_results(SUITE, bench)
    key = ("weak", 0)
    changed = {**results, key: replace(results[key], accepted=("versions: torch: 1 -> 2",))}
    monkeypatch.setattr("teachgym.benchmarks.bench.board.read_results", lambda *_: changed)
    with pytest.raises(RunError, match=r"seed_00 was resumed with another versions: torch"):
        add_bench(bench, tmp_path / "board")


def test_a_single_seed_says_too_little(tmp_path: Path) -> None:
    run_all(replace(SUITE, seeds=1), tmp_path / "one")
    with pytest.raises(ConfigError, match="--seeds 2"):
        add_bench(tmp_path / "one", tmp_path / "board")


def test_lines_of_another_suite_are_told_from_its_own(bench: Path, tmp_path: Path) -> None:
    path = add_bench(bench, tmp_path / "board")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[2]["digest"] = "0" * 12
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(RunError, match=r"small.jsonl:3 is of arm 'weak' with other settings"):
        read_board(tmp_path / "board")
    path.unlink()
    with pytest.raises(RunError, match=r"missing or empty"):
        read_board(tmp_path / "board")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[1:], "run of arm 'uniform' with seed 0 is missing"),
        (lambda lines: [*lines, lines[0]], "seed 0 is there twice, or not in the suite"),
        (lambda lines: [{**lines[0], "seed": 7}, *lines[1:]], "seed 0 is missing"),
        (lambda lines: [{"arm": "weak"}, *lines[1:]], ":1 is not the line of a run: it has no"),
        (lambda lines: [[], *lines[1:]], r"the line is \[\]; it must be"),
        (lambda lines: [{**lines[0], "test_after": "1"}, *lines[1:]], "test_after is '1'; it must"),
        (lambda lines: [{**lines[0], "test_after": 1.5}, *lines[1:]], r"it must be in \[0, 1\]"),
        (lambda lines: [{**lines[0], "measures": {"x": 1}}, *lines[1:]], "unknown measure 'x'"),
        (
            lambda lines: [{**lines[0], "val_curve": [0.5]}, *lines[1:]],
            "val_curve has 1 values and",
        ),
    ],
)
def test_lines_that_were_edited_are_refused(
    bench: Path, tmp_path: Path, change: Any, said: str
) -> None:
    """As by merging two versions of a file."""
    path = add_bench(bench, tmp_path / "board")
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(RunError, match=said):
        read_board(tmp_path / "board")


def test_a_folder_that_is_no_board_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a board .*--add"):
        read_board(tmp_path)


def test_the_projects_own_results_are_a_board() -> None:
    """Two of them; ``make docs`` draws all."""
    found = {entry.name: entry for entry in read_board(RESULTS)}
    entries = [found["bench-objectives"], found["bench-tiny"]]
    section = board_page(entries).sections[0]
    assert "The room is" in section.intro
    first_row = str(section.parts[0]).partition("<tbody>")[2][:500]
    assert "planned (control)" in first_row
    assert "bench-tiny.jsonl" in first_row


@pytest.mark.sweep(1)
@pytest.mark.parametrize("lines", sorted(p.name for p in RESULTS.glob("*.suite.json")))
def test_recorded_tables_are_those_of_their_lines(lines: str) -> None:
    path = RESULTS / lines.replace(".suite.json", ".jsonl")
    outcome = CliRunner().invoke(app, ["report", str(path), "--markdown"])
    assert outcome.output == path.with_suffix(".md").read_text()
