"""Samples -> medians with quartiles, ratios, gates: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.benchmarks.speeds.measure import Runs, Seconds
from teachgym.benchmarks.speeds.probes import Floor
from teachgym.benchmarks.speeds.workloads import Case, Gate


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles; they coincide for one sample."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value.

        Example:
            >>> Spread.of([3.0, 1.0, 2.0])
            Spread(median=2.0, low=1.5, high=2.5)
        """
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        return cls(float(median), float(low), float(high))


@dataclass(frozen=True)
class CaseResult:
    """A case with everything that was measured."""

    case: Case
    runs: tuple[Runs, ...]
    floors: Mapping[int, Floor]
    """Of one round, by number of students."""
    fill: float
    """Share of real tokens in padded batches; nan without training."""
    read_tokens: int
    """Tokens trained on in a round, all epochs and students."""
    new_tokens: int
    """Tokens of one set of answers, all students."""
    by_cpu: bool
    """Whether CPU seconds are compared (on a CPU) or wall seconds (on a GPU)."""

    def run(self, system: str) -> Runs | None:
        """The runs of a system; None if it is not part of the case."""
        return next((r for r in self.runs if r.name == system), None)

    def seconds(self, seconds: Seconds) -> float:
        """The clock that is compared."""
        return seconds.cpu if self.by_cpu else seconds.wall

    def per_student(self, runs: Runs) -> list[float]:
        """Seconds a student of every round."""
        return [self.seconds(r.total) / runs.students for r in runs.rounds]

    def ratio(self, system: str) -> Spread | None:
        """How many times the subject's seconds a student the system takes, round by round.

        None if either of them has trouble: unequal work is not compared.
        """
        own, subject = self.run(system), self.run(self.case.subject)
        if own is None or subject is None or own.trouble or subject.trouble:
            return None
        pairs = zip(self.per_student(own), self.per_student(subject), strict=True)
        return Spread.of([a / b for a, b in pairs])

    def median(self, runs: Runs, part: str = "total", *, clock: str | None = None) -> Spread:
        """Seconds of a round: ``training``, ``answering`` or ``total``; nan without rounds."""
        found: list[Seconds] = [getattr(outcome, part) for outcome in runs.rounds]
        if not found:
            return Spread(float("nan"), float("nan"), float("nan"))
        return Spread.of([getattr(s, clock) if clock else self.seconds(s) for s in found])

    def share_of_floor(self, runs: Runs) -> float:
        """Floor over seconds taken, 1 = as fast as the hardware allows; nan without rounds."""
        return self.floors[runs.students].total / self.median(runs).median


@dataclass(frozen=True)
class Verdict:
    """A gate and what was measured."""

    gate: Gate
    ratio: Spread | None
    """None if it could not be measured."""
    reason: str
    """Why not."""

    @property
    def met(self) -> bool:
        """Whether the median reaches the gate."""
        return self.ratio is not None and self.ratio.median >= self.gate.least


def judge(results: Sequence[CaseResult], gates: Sequence[Gate]) -> list[Verdict]:
    """A verdict for every gate whose case was run."""
    by_name = {result.case.name: result for result in results}
    verdicts = []
    for gate in gates:
        if gate.case in by_name:
            result = by_name[gate.case]
            ratio = result.ratio(gate.against)
            verdicts.append(Verdict(gate, ratio, "" if ratio else _trouble(result, gate.against)))
    return verdicts


def _trouble(result: CaseResult, system: str) -> str:
    runs = (result.run(system), result.run(result.case.subject))
    return "; ".join(f"{r.name}: {r.trouble}" for r in runs if r is not None and r.trouble)


def growth(result: CaseResult) -> dict[int, tuple[float, float]]:
    """By number of students K: cost(K) / cost(1), and K cost(1) / cost(K), of a W3 case."""
    subject = result.run(result.case.subject)
    found: dict[int, tuple[float, float]] = {}
    for runs in result.runs:
        ratio = result.ratio(runs.name)
        if ratio and subject and runs.students != subject.students:
            found[runs.students] = (ratio.median * runs.students, 1 / ratio.median)
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """Environment steps with a teacher that takes its time."""

    latency: float
    """Seconds of one call of the teacher."""
    calls: int
    """One after another in a step; 1 = all of them at once."""
    per_hour: float
    idle: float
    """Share of the time in which the student's device waits for the teacher."""


CALLS = 12
"""Calls of the teacher a step: 120 examples, 10 a call, as DataEnvGym makes them."""
LATENCIES = (0.0, 2.0, 20.0)


def paces(step_seconds: float) -> list[Pace]:
    """What a step of ``step_seconds`` becomes with a teacher of fixed latency.

    The teacher is simulated by arithmetic, since waiting tells nothing.

    Example:
        >>> paces(6.0)[1]
        Pace(latency=2.0, calls=12, per_hour=120.0, idle=0.8)
    """
    return [
        Pace(
            latency,
            calls,
            3600 / (step_seconds + latency * calls),
            latency * calls / (step_seconds + latency * calls),
        )
        for latency in LATENCIES
        for calls in ((CALLS, 1) if latency else (1,))
    ]


def fixed_costs(results: Sequence[CaseResult], system: str) -> Mapping[str, float]:
    """Seconds of a cycle that do not depend on the examples, by shape.

    The intercept of a least-squares line through the cycles of W1 that differ in the number of
    examples: evaluating is part of it.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        runs = result.run(system)
        case = result.case
        if case.workload == "W1" and case.asking and case.training and runs and not runs.trouble:
            found = (case.training.examples, result.median(runs).median)
            points.setdefault(case.shape, []).append(found)
    return {
        shape: float(np.polyfit([n for n, _ in found], [s for _, s in found], 1)[1])
        for shape, found in points.items()
        if len(found) > 1
    }
