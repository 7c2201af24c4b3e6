"""Suites by name.

To add one: a file with a function that returns a ``Suite``, and a line in ``SUITES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from teachgym.benchmarks.suites.dataenvgym import dataenvgym_math
from teachgym.benchmarks.suites.restart import restart
from teachgym.benchmarks.suites.selection import data_selection
from teachgym.benchmarks.suites.skill_source import skill_source
from teachgym.benchmarks.suites.small import noise, smoke
from teachgym.benchmarks.suites.stress import stress
from teachgym.benchmarks.suites.structure import structure
from teachgym.benchmarks.suites.suite import Arm, Cell, Suite
from teachgym.benchmarks.suites.teachers import teacher_ablation
from teachgym.benchmarks.suites.tiny import tiny
from teachgym.benchmarks.suites.with_state import with_state
from teachgym.errors import UnknownNameError, unknown

__all__ = ["SUITES", "Arm", "Cell", "Suite", "make_suite"]

SUITES: Mapping[str, Callable[[], Suite]] = {
    "smoke": smoke,
    "noise": noise,
    "tiny": tiny,
    "stress": stress,
    "with-state": with_state,
    "teacher-ablation": teacher_ablation,
    "structure": structure,
    "skill-source": skill_source,
    "data-selection": data_selection,
    "restart": restart,
    "dataenvgym-math": dataenvgym_math,
}
"""Name to suite; what ``teachgym bench`` knows."""


def make_suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    if name not in SUITES:
        raise UnknownNameError(unknown("suite", name, SUITES))
    return SUITES[name]()
