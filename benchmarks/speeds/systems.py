"""The systems by the names that workloads give them."""

from __future__ import annotations

import re

from teachgym.benchmarks.speeds.material import Material
from teachgym.benchmarks.speeds.measure import System
from teachgym.benchmarks.speeds.own_systems import OwnSystem
from teachgym.benchmarks.speeds.peft_systems import PeftSystem
from teachgym.benchmarks.speeds.subprocess_systems import SubprocessSystem
from teachgym.benchmarks.speeds.workloads import (
    EAGER,
    GENEROUS,
    HF,
    LOOP,
    NOT_STRICT,
    ONE_BY_ONE,
    OWN,
    REAL,
    STRICT,
    TRL,
    TRL_PACKED,
    VLLM,
)
from teachgym.errors import UnknownNameError, unknown

_ALL_AT_ONCE = 2**30


def make_system(name: str, material: Material) -> tuple[System, int]:
    """The system ``name``, and how many students it plays.

    Raises:
        UnknownNameError: for a name that no workload gives.
    """
    count = material.case.students
    named: dict[str, System] = {
        OWN: OwnSystem(material, count),
        ONE_BY_ONE: OwnSystem(material, count, together=False),
        EAGER: OwnSystem(material, count, graphs=False),
        STRICT: OwnSystem(material, count, strict=True),
        NOT_STRICT: OwnSystem(material, count, strict=False),
        LOOP: PeftSystem(material),
        HF: PeftSystem(material, "hf"),
        TRL: PeftSystem(material, "trl"),
        TRL_PACKED: PeftSystem(material, "trl-flat"),
        REAL: SubprocessSystem(material, 1, 4),
        GENEROUS: SubprocessSystem(material, 8, _ALL_AT_ONCE),
        VLLM: OwnSystem(material, count, together=False, backend="vllm"),
    }
    if name in named:
        return named[name], count
    if match := re.fullmatch(r"generate, batches of (\d+)", name):
        return PeftSystem(material, answers_at_once=int(match[1])), count
    if match := re.fullmatch(rf"({OWN}|{EAGER}), K=(\d+)", name):
        count = int(match[2])
        return OwnSystem(material, count, graphs=match[1] == OWN), count
    raise UnknownNameError(unknown("system", name, named))
