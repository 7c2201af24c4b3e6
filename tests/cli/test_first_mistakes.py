"""The likeliest mistakes of a first hour: each is answered in a line that says what to do."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym.cli import app

MISTAKES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "first_mistakes.json").read_text()
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_a_mistake_is_answered_in_a_line(
    mistake: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name, text in mistake.get("files", {}).items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    outcome = CliRunner().invoke(app, shlex.split(mistake["command"])[1:])
    assert outcome.exit_code == 2
    [line] = outcome.stderr.splitlines()
    assert mistake["says"] in line
    assert not Path("runs").exists()
