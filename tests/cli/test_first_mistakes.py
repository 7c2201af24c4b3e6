"""The likeliest mistakes of a first hour: each is answered in a line that says what to do.

The page ``docs/errors.md`` shows these answers; ``python docs/make_errors.py`` makes it anew.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from tests.cli.undrawn import draw_nothing

ROOT = Path(__file__).parents[2]
MISTAKES: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "data" / "first_mistakes.json").read_text()
)
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "make_errors.py"))
make_mistake = SCRIPT["make_mistake"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw_nothing(monkeypatch)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_a_mistake_is_answered_in_a_line(mistake: dict[str, Any]) -> None:
    outcome = make_mistake(mistake)
    assert outcome.exit_code == 2
    *before, line = outcome.stderr.splitlines()
    assert mistake["says"] in line
    assert before == ([mistake["stopped"]] if "stopped" in mistake else [])
    if not before:
        assert not Path("runs").exists()
        assert not Path("run").exists()
    assert SCRIPT["section"](mistake, outcome.output) in PAGE


def test_the_page_has_these_mistakes_alone() -> None:
    assert PAGE.startswith(SCRIPT["HEAD"])
    shown = [line for line in PAGE.splitlines() if line.startswith("## ")]
    assert shown == list(map(SCRIPT["heading"], MISTAKES))


def test_a_run_that_found_the_disk_full_ends_as_any_other_once_there_is_room() -> None:
    [mistake] = [mistake for mistake in MISTAKES if "full_disk" in mistake]
    make_mistake(mistake)
    assert not Path("run/examples.jsonl").exists()
    for command in ("resume run", f"{mistake['command'].removeprefix('teachgym ')}-whole"):
        outcome = CliRunner().invoke(app, command.split())
        assert (outcome.exit_code, outcome.stderr) == (0, "")
    stopped, whole = (Path(run, "examples.jsonl").read_bytes() for run in ("run", "run-whole"))
    assert stopped == whole
