"""Long output goes through a pager on a terminal, and nowhere else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from teachgym.cli.paging import paged

pty = pytest.importorskip("pty")

LINES = 200
PRINT = "print('paging', flush=True); [print(n) for n in range({lines})]"
CODE = "from teachgym.cli.paging import paged\nwith paged({wanted}): " + PRINT


def on_terminal(tmp_path: Path, *, wanted: bool, lines: int, pager: str = "") -> tuple[str, bool]:
    """What is printed on a terminal of 24 lines, and whether a pager was asked to show it."""
    marker = tmp_path / "asked"
    script = tmp_path / "pager.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(PAGER=pager or str(script), TERM="xterm", LINES="24", COLUMNS="80")
        code = CODE.format(wanted=wanted, lines=lines)
        os.execv(sys.executable, [sys.executable, "-c", code])
    said = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so at the end.
            break
        if not part:
            break
        said += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return said.decode(), marker.exists()


@pytest.mark.parametrize(
    ("wanted", "lines", "asked"), [(True, LINES, True), (False, LINES, False), (True, 5, False)]
)
def test_a_pager_is_asked_where_the_text_is_longer_than_the_terminal(
    tmp_path: Path, wanted: bool, lines: int, asked: bool
) -> None:
    said, was_asked = on_terminal(tmp_path, wanted=wanted, lines=lines)
    assert was_asked == asked
    assert said.split() == ["paging", *map(str, range(lines))]


def test_cat_prints_it_all(tmp_path: Path) -> None:
    said, asked = on_terminal(tmp_path, wanted=True, lines=LINES, pager="cat")
    assert (said.split()[-1], asked) == (str(LINES - 1), False)


def test_what_is_piped_is_printed_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    with paged():
        sys.stdout.write("a\n" * LINES)
        assert capsys.readouterr().out.count("a") == LINES


def test_what_was_said_before_an_error_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("pydoc.pager", shown.append)

    def fail() -> None:
        with paged():
            sys.stdout.write("a\n" * LINES)
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        fail()
    assert shown[0].count("a") == LINES
