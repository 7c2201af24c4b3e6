"""Make ``docs/errors.md`` from the mistakes that ``tests/cli/test_first_mistakes.py`` asserts.

Run by ``make docs`` before the site is built; the page is not kept in the repository, so it cannot
drift.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typer.testing import CliRunner

from teachgym.cli import app

DOCS = Path(__file__).parent
HEAD = """# What errors say

A mistake is answered in one line, with exit code 2, before anything is made. These are the
likeliest ones of a first hour; the lists of what is known are cut here. `teachgym doctor` finds
what is not installed.
"""
_MOST = 240
"""Characters of an answer that are shown."""


def main() -> None:
    """Make every mistake in an empty folder, and write down what is said."""
    mistakes = json.loads((DOCS.parent / "tests/data/first_mistakes.json").read_text())
    parts = [HEAD, *(f"## {m['mistake'].capitalize()}\n\n{_shown(m)}\n" for m in mistakes)]
    (DOCS / "errors.md").write_text("\n".join(parts), encoding="utf-8")


def _shown(mistake: dict[str, Any]) -> str:
    files = mistake.get("files", {}).items()
    made = [f"`{name}`:\n\n```\n{text}\n```\n" for name, text in files if text]
    return "\n".join([*made, f"```console\n$ {mistake['command']}\n{_answer(mistake)}\n```"])


def _answer(mistake: dict[str, Any]) -> str:
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, text in mistake.get("files", {}).items():
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_text(text)
            runner = CliRunner(env={"OPENAI_API_KEY": None})
            said: str = runner.invoke(app, shlex.split(mistake["command"])[1:]).stderr.strip()
        finally:
            os.chdir(here)
    return said if len(said) <= _MOST else f"{said[: _MOST - 3]}..."


if __name__ == "__main__":
    main()
