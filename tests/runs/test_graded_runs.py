"""Parts of grades and metrics of the task, from the grader to every place that shows them."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.leaderboard import detail_rows, stand
from teachgym.benchmarks.bench.lines import result_lines
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import read_results, run_suite
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.experiment import RunConfig, read_result, resume, run
from teachgym.report.tables import figure_rows, result_markdown
from teachgym.runs import RunFolder, read_report
from teachgym.runs.files import read_lines
from teachgym.runs.trackers.tables import tables
from teachgym.types import Score, Transition
from tests.report.html.page_parts import page_of
from tests.runs.dying import Killed, contents, stop_clocks

METRIC, PARTS = "metric/group_accuracy", ("part/exact", "part/normalised")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Questions in groups of three, each group about one room."""
    path = tmp_path_factory.mktemp("questions") / "rooms.jsonl"
    rows = [
        {"question": f"Room {room} and {n} more?", "answer": f"{room + n}", "room": f"{room}"}
        for room in range(40)
        for n in range(3)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    questions = {"path": str(path), "grading": "numeric", "group": "room", "val_per_skill": 15}
    return {
        "task": "qa",
        "task_settings": {**questions, "parts": ["exact", "normalised"]},
        "engine": "pool",
        "student": "simulated",
        "examples_per_step": 20,
        "budget": {"steps": 2},
    }


@pytest.fixture(scope="module")
def finished(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        _alike(patch)
        run(RunConfig(teacher="uniform", env_settings=settings), folder)
    return RunFolder.open(folder)


def _alike(patch: pytest.MonkeyPatch) -> None:
    stop_clocks(patch)
    patch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    patch.setattr("teachgym.runs.provenance.commit", lambda: None)


def test_every_step_logs_metrics_and_parts_with_n_and_error(finished: RunFolder) -> None:
    """15 items of val are five whole groups of three."""
    for step, line in enumerate(read_lines(finished.metrics)):
        report = read_report(finished.val_predictions(step), "val")
        assert line["metric_n/group_accuracy"] == 5
        for name, score in report.figures.items():
            kind, _, of = name.partition("/")
            logged = Score(line[f"{kind}_n/{of}"], line[name], line[f"{kind}_stderr/{of}"])
            assert logged == score
        groups: dict[str, list[float]] = {}
        for p in report.predictions:
            groups.setdefault(p.example.prompt.split(" and ")[0], []).append(p.score)
        assert line[METRIC] == sum(min(scores) for scores in groups.values()) / 5


def test_a_run_that_dies_and_is_resumed_has_the_same_files(
    settings: dict[str, Any], finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _alike(monkeypatch)

    def die(step: int, transition: Transition) -> None:
        raise Killed

    config = RunConfig(teacher="uniform", env_settings=settings)
    with pytest.raises(Killed):
        run(config, tmp_path / "run", observers=[die])
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == contents(finished.path)


def test_the_result_has_them_on_both_splits(finished: RunFolder) -> None:
    result = read_result(finished.path)
    best = read_report(finished.test_predictions("best"), "test")
    assert result.test.figures_after == best.figures
    assert list(best.figures) == [METRIC, *PARTS]
    header, *rows = figure_rows(result)
    assert [row[0] for row in rows] == ["group_accuracy", "part: exact", "part: normalised"]
    assert rows[0][header.index("test, best")] == str(best.metrics["group_accuracy"])
    assert "group_accuracy" in result_markdown(result)


def test_page_and_trackers_show_them(finished: RunFolder) -> None:
    page = page_of(finished)
    assert all(name in page for name in (METRIC, *PARTS))
    assert re.search(r"exact \d (\\u2192|→) \d", page)
    errors = {table.name: table for table in tables(finished, limit=10)}["errors/test"]
    assert errors.columns[-2:] == PARTS


def test_a_bench_has_their_mean_and_error_over_seeds(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"),), env_settings=settings, seeds=2)
    list(run_suite(suite, tmp_path, partial(map, attempt)))
    results = read_results(suite, tmp_path)
    found = [results["uniform", seed].test.figures_after[METRIC].mean for seed in range(2)]
    [line] = stand(suite, outcomes_of(results))
    assert line.figures[METRIC] == Score.of_repetitions(found)
    header, row = detail_rows(suite, [line])
    assert row[header.index(f"test {METRIC}")] == line.figures[METRIC].show(".4f")
    assert [each["figures"][METRIC] for each in result_lines(suite, tmp_path, results)] == found
