"""How each teacher copes with each condition, against the reference under the same one."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.benchmarks.analysis import Interval
from teachgym.benchmarks.bench_material import BenchMaterial
from teachgym.benchmarks.leaderboard import Standing
from teachgym.benchmarks.suites import Arm


@dataclass(frozen=True, slots=True)
class Coping:
    """A teacher under a condition."""

    standing: Standing
    """Of its arm; compared with another, on at least one seed."""
    chance: Interval
    """That a run of it beats a run of what it is compared with, see
    ``BenchMaterial.improvement``; 0.5 = as good."""


def teacher_of(arm: Arm) -> str:
    """Name of an arm without that of its condition: the same in all conditions.

    Example:
        >>> teacher_of(Arm("alp-rugged", "alp", condition="rugged"))
        'alp'
    """
    return arm.name.removesuffix(f"-{arm.condition}") if arm.condition else arm.name


def read_coping(bench: BenchMaterial) -> dict[str, dict[str, Coping]]:
    """By teacher and condition, in the order of the suite; only what has been compared."""
    lines = {line.arm: line for line in bench.standings}
    table: dict[str, dict[str, Coping]] = {}
    for arm in bench.suite.arms:
        line = lines[arm.name]
        if line.against is not None:
            chance = bench.improvement(line.arm, line.reference)
            table.setdefault(teacher_of(arm), {})[arm.condition] = Coping(line, chance)
    return table
