"""What the shell is offered, as bash asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from teachgym.agents import TEACHERS
from teachgym.cli.samples import SAMPLES
from teachgym.students import LANGUAGE_MODELS, STUDENTS


def offered(line: str) -> list[str]:
    """The words that a Tab at the end of ``line`` offers."""
    words = line.split(" ")
    asked = {
        "_TEACHGYM_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "from teachgym.cli import app; app(prog_name='teachgym')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("teachgym sam", ["samples"]),
        ("teachgym run --teacher alp", [n for n in TEACHERS.names if n.startswith("alp")]),
        ("teachgym run --student ", [*STUDENTS.names, *LANGUAGE_MODELS]),
        ("teachgym run --task word", ["word-problems"]),
        ("teachgym bench smo", ["smoke", "smollm2"]),
        ("teachgym tune alp plr ", list(TEACHERS.names)),
        ("teachgym list tea", ["teachers"]),
        ("teachgym new ta", ["task"]),
        ("teachgym samples ", list(SAMPLES)),
        ("teachgym run --chat loc", ["local"]),
        ("teachgym report --mark", ["--markdown"]),
    ],
)
def test_names_are_completed(line: str, words: list[str]) -> None:
    assert sorted(offered(line)) == sorted(words)
