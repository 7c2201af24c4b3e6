"""Runs beside each other: what differs, and paired answers counted by hand."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from teachgym.errors import ConfigError, RunError
from teachgym.experiment import RunConfig, run
from teachgym.report.comparison import (
    Compared,
    difference_rows,
    item_rows,
    outcome_rows,
    read_compared,
)
from teachgym.report.html.comparison_page import write_comparison
from teachgym.runs import RunFolder
from teachgym.types import Example, Prediction, Report
from tests.report.html.page_parts import take_apart

SETTINGS = {
    "student": "simulated",
    "task_settings": {"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
    "examples_per_step": 30,
    "budget": {"steps": 2},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two teachers, and one of them with other items of another task."""
    above = tmp_path_factory.mktemp("compared")
    other = {**SETTINGS, "task_settings": {**SETTINGS["task_settings"], "seed": 7}}
    for name, teacher, settings in (
        ("alp", "alp", SETTINGS),
        ("weakest", "weakest", SETTINGS),
        ("elsewhere", "alp", other),
    ):
        run(RunConfig("teachgym/SkillList-v0", settings, teacher, name=name), above / name / "0")
    return [above / name / "0" for name in ("alp", "weakest", "elsewhere")]


@pytest.fixture(scope="module")
def runs(folders: list[Path]) -> list[Compared]:
    return read_compared(folders)


def report(*scores: float) -> Report:
    examples = (Example(f"{n}+1=", str(n + 1), "add") for n in range(len(scores)))
    return Report(
        tuple(Prediction(e, "", s) for e, s in zip(examples, scores, strict=True)), "test"
    )


def test_only_what_was_given_otherwise_is_listed(runs: list[Compared]) -> None:
    assert difference_rows(runs) == (
        ("setting", "alp/0", "weakest/0", "elsewhere/0"),
        ("teacher", "alp", "weakest", "alp"),
        ("env_settings.task_settings.seed", "default", "default", "7"),
    )


def test_commits_are_shown_in_ten_digits(folders: list[Path], tmp_path: Path) -> None:
    for name, commit in (("old", "0123456789" * 4), ("new", None)):
        shutil.copytree(folders[0], tmp_path / name)
        config = RunFolder(tmp_path / name).config
        config.write_text(json.dumps({**json.loads(config.read_text()), "commit": commit}))
    (_, row) = difference_rows(read_compared([tmp_path / "old", tmp_path / "new"]))
    assert row == ("commit", "0123456789", "not in a checkout")


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("alp", "/home/me/lab/halfway.py:Halfway", ("alp", "Halfway")),
        ("lab.old:Halfway", "lab.new:Halfway", ("lab.old:Halfway", "lab.new:Halfway")),
    ],
)
def test_own_parts_are_named_without_their_files_where_that_is_enough(
    runs: list[Compared], first: str, second: str, shown: tuple[str, str]
) -> None:
    pair = [
        replace(run, settings={"teacher": t}) for run, t in zip(runs, (first, second), strict=False)
    ]
    assert difference_rows(pair)[1:] == (("teacher", *shown),)


def test_answers_are_paired_with_those_of_the_first_run(runs: list[Compared]) -> None:
    first = replace(runs[0], exam=report(1, 0, 0, 1, 1, 0, 0, 0))
    second = replace(runs[1], exam=report(1, 1, 1, 1, 0, 0, 1, 0))
    third = replace(runs[2], exam=report(1, 1))
    # Changes 0 1 1 0 -1 0 1 0: mean 1/4; their sample variance is (4 - 8/16) / 7 = 1/2, so the
    # standard error is sqrt(1/16) = 1/4, and the interval 1/4 ± 1.96/4.
    assert item_rows([first, second, third])[1:] == (
        ("weakest/0", "alp/0", "3", "1", "4", "+0.2500 [-0.2400, +0.7400]", "8"),
        ("elsewhere/0", "alp/0", "other items", "", "", "", ""),
    )
    # Of three items one could not be graded: changes 1 and 0, of mean 1/2 and error 1/2.
    pair = [replace(runs[0], exam=report(0, 0, 0)), replace(runs[1], exam=report(1, 0, math.nan))]
    assert item_rows(pair)[1][2:] == ("1", "0", "1", "+0.5000 [-0.4800, +1.4800]", "2 of 3")


def test_equal_changes_of_all_items_have_no_interval(runs: list[Compared]) -> None:
    """Two items that changed alike do not tell how much others would."""
    first, same, better = (replace(runs[0], exam=report(*s)) for s in ((0, 0), (0, 0), (1, 1)))
    shown = [row[5] for row in item_rows([first, same, better])[1:]]
    assert shown == ["+0.0000, equal in 2 items", "+1.0000, equal in 2 items"]


def test_runs_with_equal_items_are_paired_and_others_are_not(runs: list[Compared]) -> None:
    paired, other = item_rows(runs)[1:]
    changes = runs[1].exam.scores - runs[0].exam.scores
    counts = [sum(changes > 0), sum(changes < 0), sum(changes == 0)]
    assert [int(cell) for cell in paired[2:5]] == counts
    assert other[2] == "other items"


@pytest.mark.parametrize("chosen", [[0], [0, 1, 0]])
def test_a_comparison_takes_two_runs_each_once(folders: list[Path], chosen: list[int]) -> None:
    with pytest.raises(ConfigError, match="two runs or more, each once"):
        read_compared([folders[i] for i in chosen])


def test_what_is_no_run_is_named(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere holds no run"):
        read_compared([folders[0], tmp_path / "nowhere"])


def test_the_page_has_every_run_and_asks_nothing(runs: list[Compared], tmp_path: Path) -> None:
    page = take_apart(write_comparison(runs, tmp_path / "compared.html"))
    sections = ["outcome", "settings", "curves", "skills"]
    assert [a["id"] for a in page.all("section")] == sections
    assert all(page.text.count(compared.name) > 3 for compared in runs)
    assert all(row[1] in page.text for row in outcome_rows(runs))
    assert [a["role"] for a in page.all("svg")] == ["img"]


def test_the_command_prints_tables_and_writes_a_page(folders: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["compare", *map(str, folders), "--markdown", "--page", str(page)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert "| teacher | alp | weakest | alp |" in outcome.output
    assert page.exists()
