"""Suites by name."""

from __future__ import annotations

from typing import Any

from teachgym.benchmarks.bench.suites.suite import Arm, Cell, Claim, Suite
from teachgym.registry import Registry

__all__ = ["SUITES", "Arm", "Cell", "Claim", "Suite", "make_suite"]

_HERE = "teachgym.benchmarks.bench.suites"

SUITES = Registry(
    "suite",
    {
        "smoke": f"{_HERE}.small:smoke",
        "noise": f"{_HERE}.small:noise",
        "hard": f"{_HERE}.small:hard",
        "tiny": f"{_HERE}.tiny:tiny",
        "stress": f"{_HERE}.stress:stress",
        "surface": f"{_HERE}.surface:surface",
        "with-state": f"{_HERE}.with_state:with_state",
        "teacher-ablation": f"{_HERE}.teachers:teacher_ablation",
        "structure": f"{_HERE}.structure:structure",
        "skill-source": f"{_HERE}.skill_source:skill_source",
        "data-selection": f"{_HERE}.selection:data_selection",
        "restart": f"{_HERE}.restart:restart",
        "variance": f"{_HERE}.variance:variance",
        "objectives": f"{_HERE}.objectives:objectives",
        "teacher-hacking": f"{_HERE}.hacking:hacking",
        "smollm2": f"{_HERE}.smollm2:smollm2",
        "methods": f"{_HERE}.methods:methods",
        "dataenvgym-math": f"{_HERE}.dataenvgym:dataenvgym_math",
        "dataenvgym-math-embedded": f"{_HERE}.dataenvgym:dataenvgym_math_embedded",
        "dataenvgym-code": f"{_HERE}.dataenvgym:dataenvgym_code",
        "dataenvgym-code-embedded": f"{_HERE}.dataenvgym:dataenvgym_code_embedded",
        "dataenvgym-tools-embedded": f"{_HERE}.dataenvgym:dataenvgym_tools_embedded",
        "dataenvgym-tools": f"{_HERE}.dataenvgym:dataenvgym_tools",
        "dataenvgym-vqa": f"{_HERE}.dataenvgym:dataenvgym_vqa",
        "dataenvgym-vqa-embedded": f"{_HERE}.dataenvgym:dataenvgym_vqa_embedded",
    },
)
"""Every suite, called as ``()``; what ``teachgym bench`` knows."""


def make_suite(name: Any) -> Suite:
    """The suite of that name, in one of the ways of ``teachgym.registry``.

    Raises:
        UnknownNameError: for what names no suite.
    """
    suite: Suite = SUITES.make(name)
    return suite
