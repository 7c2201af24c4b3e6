"""No program of the corpus gets out, is called right, or spoils the next one's verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from teachgym.sandbox import Job, Limits, Sandbox
from tests.sandbox.escapes import ESCAPES, LATE, Escape
from tests.sandbox.walls import walls

__all__ = ["walls"]

LIMITS = Limits(seconds=9, memory=192 * 2**20)
SHORT = Limits(seconds=0.1)
HONEST = "def f(x):\n    return x * x\n"


def job_of(source: str, *, script: bool = False) -> Job:
    if script:
        return Job(source, stdin="3\n", limits=LIMITS)
    return Job(source, "f", ((3,),), limits=LIMITS)


def test_the_corpus_is_large() -> None:
    assert len({escape.name for escape in ESCAPES}) == len(ESCAPES) >= 60


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
def test_an_escape_fails_as_it_must_and_the_next_program_is_judged_as_ever(
    walls: Sandbox, escape: Escape
) -> None:
    marked = "class Marked:\n    mark, nine = 'earlier', 9\n" + HONEST
    walls.run([job_of(marked)])
    job = job_of(escape.source, script=escape.script)
    (outcome,) = walls.run([replace(job, limits=SHORT) if escape.ends == LATE else job])
    (answer,) = outcome.answers
    assert outcome.provider == walls.provider
    assert escape.ends in answer.fault if escape.ends else not answer.fault, answer
    assert answer.value not in (9, "9\n")
    (honest,) = walls.run([job_of(HONEST)])
    assert honest.answers[0].value == 9
    assert not Path("/tmp/escaped").exists()


def test_a_program_gets_the_memory_it_is_allowed(walls: Sandbox) -> None:
    job = job_of("def f(x):\n    return len(bytearray(200 * 2**20))\n")
    ample = replace(job, limits=Limits())
    small, large = walls.run([job, ample])
    assert small.fault.endswith("MemoryError: ")
    assert large.answers[0].value == 200 * 2**20
