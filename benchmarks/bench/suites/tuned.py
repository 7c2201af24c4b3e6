"""Arms with tuned settings: those that ``teachgym tune`` found and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from teachgym.benchmarks.bench.suites.suite import Arm
from teachgym.runs.files import read_json

TUNED = Path(__file__).with_name("tuned.json")
"""Tuned settings of built-in teachers by name, with how they were found."""


def read_tuned(path: Path = TUNED) -> dict[str, Any]:
    """The tuned settings in a file; none if it does not exist."""
    return dict(read_json(path)) if path.exists() else {}


def tuned_arm(teacher: str, *, path: Path = TUNED, **differences: Any) -> Arm:
    """The arm of a teacher by its name, with its tuned settings if it has any."""
    entry = read_tuned(path).get(teacher)
    settings = entry["settings"] if entry else {}
    return Arm(teacher, teacher, settings, tuned=bool(entry), **differences)
