"""Make systems by the names that cases use."""

from __future__ import annotations

import re

from teachgym.benchmarks.speed.cases import (
    APART,
    COMPILED,
    LOOP,
    ONE_BY_ONE,
    OWN,
    OWN_CODE,
    PLAIN_HEAD,
    PROCESSES,
    TRL,
    TRL_ITS_OWN,
)
from teachgym.benchmarks.speed.material import Material
from teachgym.benchmarks.speed.measure import System
from teachgym.benchmarks.speed.objectives import OwnObjective, TrlObjective
from teachgym.benchmarks.speed.systems import OwnSystem, PeftSystem, ProcessSystem
from teachgym.errors import UnknownNameError, unknown


def make_system(name: str, material: Material) -> System:
    """Make the system that a case calls ``name``.

    Raises:
        UnknownNameError: if no case uses the name.
    """
    training = material.case.training
    plain = training is None or training.objective == "sft"
    named: dict[str, System] = {
        OWN: OwnSystem(material) if plain else OwnObjective(material),
        ONE_BY_ONE: OwnSystem(material, at_once=1),
        COMPILED: OwnSystem(material, tuning={"compiled": True}),
        PLAIN_HEAD: OwnSystem(material, tuning={"fused": False}),
        APART: OwnSystem(material, joined=False),
        OWN_CODE: OwnSystem(material, kernels=False),
        LOOP: PeftSystem(material),
        TRL: PeftSystem(material, "trl"),
        PROCESSES: ProcessSystem(PeftSystem(material, "trl", answers_at_once=4, micro_batch=1)),
        **dict.fromkeys(TRL_ITS_OWN.values(), TrlObjective(material)),
    }
    if name in named:
        return named[name]
    if match := re.fullmatch(r"generate, batches of (\d+)", name):
        return PeftSystem(material, answers_at_once=int(match[1]))
    raise UnknownNameError(unknown("system", name, named))
