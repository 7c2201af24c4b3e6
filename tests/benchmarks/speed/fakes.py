"""A case of the speed benchmark, its material and its rounds, all made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from teachgym.benchmarks.speed.cases import OWN, Case, Training, fixed
from teachgym.benchmarks.speed.floors import Floor
from teachgym.benchmarks.speed.material import Material
from teachgym.benchmarks.speed.measure import Curve, Outcome, Runs, Seconds
from teachgym.benchmarks.speed.report import CaseResult
from teachgym.types import Example

CASE = Case("fake", "Nothing", "micro", ("b", OWN), Training(2, fixed(4), 2))
EXAMPLES = (Example("p", "t", skill="any"), Example("q", "u", skill="any"))


def material(case: Case = CASE) -> Material:
    """The material of one student with two examples; nothing is on disk."""
    return Material(case, "cpu", Path(), (), (EXAMPLES,), ((),), ((),))


def runs(
    name: str,
    seconds: Sequence[float] = (1.0,),
    *,
    losses: Sequence[float] = (2.0, 1.0),
    answers: Sequence[str] = (),
) -> Runs:
    """Rounds that took so many CPU seconds each, half of it training."""
    outcome = [
        Outcome(Seconds(9.0, s / 2), Seconds(9.0, s / 2), Curve(list(losses), 1.5), [list(answers)])
        for s in seconds
    ]
    return Runs(name, outcome)


def result(*found: Runs, case: Case = CASE) -> CaseResult:
    """Compared by CPU seconds; half a second of training can be saved by nobody."""
    return CaseResult(case, found, "cpu", Floor(0.25, 0.1), 30)
