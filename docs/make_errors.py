"""Make ``docs/errors.md`` from the mistakes that ``tests/cli/test_first_mistakes.py`` makes.

Run it when that test finds that the page does not say what a command says. The circumstances that a
machine may not have (a package that is absent, a full disk) are brought about for the length of one
command.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from teachgym.cli import app

DOCS = Path(__file__).parent
HEAD = """# What errors say

A mistake is answered in one line with exit code 2, mostly before anything is made. These are the
likeliest ones of a first hour; long lists of known names are cut here. `teachgym doctor` finds
packages that are absent or too old.
"""
_MOST = 240
"""Characters of a line that are shown."""
_COLUMNS = 80
"""Of the terminal that the page shows."""


def main() -> None:
    """Make every mistake in an empty folder, and write down what is said."""
    mistakes = json.loads((DOCS.parent / "tests/data/first_mistakes.json").read_text())
    parts = [HEAD]
    for mistake in mistakes:
        with TemporaryDirectory() as folder, chdir(folder):
            parts.append(section(mistake, make_mistake(mistake).output))
    (DOCS / "errors.md").write_text("\n".join(parts), encoding="utf-8")


def make_mistake(mistake: dict[str, Any]) -> Any:
    """Make a mistake in the working folder, which is empty.

    Args:
        mistake: ``command``; ``files`` that are there before (text by path); and the circumstances,
            each a key of ``CIRCUMSTANCES`` with its value.

    Returns:
        The outcome of typer's ``CliRunner``.
    """
    for name, text in mistake.get("files", {}).items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    with ExitStack() as stack:
        for name in CIRCUMSTANCES.keys() & mistake.keys():
            stack.enter_context(CIRCUMSTANCES[name](mistake[name]))
        runner = CliRunner(env={"OPENAI_API_KEY": mistake.get("key")})
        return runner.invoke(app, shlex.split(mistake["command"])[1:])


@contextmanager
def _absent(packages: list[str]) -> Iterator[None]:
    """Python finds none of these packages."""
    with patch.dict(sys.modules, dict.fromkeys(packages)):
        yield


@contextmanager
def _versions(versions: dict[str, str]) -> Iterator[None]:
    """Packages report other versions than they have."""
    real = metadata.version
    with patch.object(metadata, "version", lambda name: versions.get(name) or real(name)):
        yield


@contextmanager
def _full_disk(suffix: str) -> Iterator[None]:
    """Files that end so are written to ``/dev/full``, where the system itself finds no room."""
    real = os.open

    def open_full(path: Any, flags: int, *others: Any, **settings: Any) -> int:
        full = flags & (os.O_WRONLY | os.O_RDWR) and str(path).endswith(suffix)
        return real("/dev/full" if full else path, flags, *others, **settings)

    with patch.object(os, "open", open_full):
        yield


CIRCUMSTANCES: dict[str, Callable[[Any], Any]] = {
    "absent": _absent,
    "versions": _versions,
    "full_disk": _full_disk,
}


def section(mistake: dict[str, Any], output: str) -> str:
    """What the page has of a mistake and of the command's answer to it."""
    files = mistake.get("files", {}).items()
    made = [f"`{name}`:\n\n```\n{text}\n```\n" for name, text in files if text]
    cut = (
        line if len(line) <= _MOST else f"{line[: _MOST - 3]}..." for line in output.splitlines()
    )
    answer = (piece for line in cut for piece in wrap(line, _COLUMNS))
    shown = "\n".join(["```console", f"$ {mistake['command']}", *answer, "```\n"])
    return "\n".join([heading(mistake), "", *made, shown])


def heading(mistake: dict[str, Any]) -> str:
    """A mistake with a capital letter first; those within it stay, as in TOML."""
    name = mistake["mistake"]
    return f"## {name[0].upper()}{name[1:]}"


if __name__ == "__main__":
    main()
