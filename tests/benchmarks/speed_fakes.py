"""A case of the speed benchmark, its material and its rounds, all made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from teachgym.benchmarks.speeds.material import Material
from teachgym.benchmarks.speeds.measure import (
    Curve,
    Outcome,
    Runs,
    Seconds,
)
from teachgym.benchmarks.speeds.probes import Floor
from teachgym.benchmarks.speeds.results import CaseResult
from teachgym.benchmarks.speeds.workloads import (
    Case,
    Training,
    fixed,
)
from teachgym.types import Example

CASE = Case(
    "fake",
    "W1",
    "Nothing",
    "micro",
    ("a", "b"),
    "a",
    subject="a",
    training=Training(2, fixed(4), 2),
)
EXAMPLES = (Example("p", "t", skill="any"), Example("q", "u", skill="any"))


FLOORS = {1: Floor(0.125, 0.125), 2: Floor(0.25, 0.25), 4: Floor(0.5, 0.5)}


def material(case: Case = CASE, answers: Sequence[int] = ()) -> Material:
    """Of one student with two examples; nothing is on disk."""
    steps = (EXAMPLES,) * case.steps
    return Material(case, "cpu", Path(), (), (steps,), (("p",) * len(answers),), (tuple(answers),))


def runs(
    name: str,
    seconds: Sequence[float] = (1.0,),
    *,
    losses: Sequence[float] = (2.0, 1.0),
    answers: Sequence[str] = (),
    students: int = 1,
) -> Runs:
    """Rounds that took so many CPU seconds each, half of it training."""
    outcome = [
        Outcome(Seconds(9.0, s / 2), Seconds(9.0, s / 2), Curve(list(losses), 4), [list(answers)])
        for s in seconds
    ]
    return Runs(name, students, outcome)


def result(case: Case, *found: Runs) -> CaseResult:
    """Compared by CPU seconds."""
    return CaseResult(case, found, FLOORS, fill=1.0, read_tokens=8, new_tokens=4, by_cpu=True)
