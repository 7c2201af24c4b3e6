"""Who is taught. ``make_student`` finds a student by name; three fidelities, one protocol."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from teachgym.errors import UnknownNameError, require_known, unknown
from teachgym.protocols import Student, Task
from teachgym.students.profile import FITTED_TO_TINY, Profile
from teachgym.students.simulated import SimulatedStudent

__all__ = ["SimulatedStudent", "learnable_skills", "make_student"]

BUILT_IN = ("simulated", "tiny")
"""Students that need neither a path nor the network."""

TINY_CARD = Path(__file__).parent / "data" / "tiny" / "card.json"
"""What is known about the ``tiny`` student."""


def make_student(name: str, task: Task, **settings: Any) -> Student:
    """The untrained student ``name``.

    Args:
        name: ``simulated`` (a table of competences, no torch), ``tiny`` (the small transformer
            that ships), or the local path or hub id of a Hugging Face causal language model.
        task: what it will be asked; the simulated student has its answers from there.
        settings: of ``simulated``: ``profile``, the path of a JSON file instead of the profile
            that ships, and ``noise`` instead of the profile's own. Of the others: see
            ``teachgym.students.language_model.LanguageModelStudent.load``.

    Raises:
        UnknownNameError: for a name that is nearly one of ``BUILT_IN``, or a missing model.
        ConfigError: for a setting that does not exist or is out of range, or a missing profile.
    """
    if name == "simulated":
        _check_names(settings, _simulated)
        return _simulated(task, **settings)
    if get_close_matches(name, BUILT_IN) and name not in BUILT_IN and not Path(name).exists():
        # Asking the hub for a misspelt name would take half a minute to fail.
        raise UnknownNameError(unknown("student", name, BUILT_IN))
    # Imported here: torch takes seconds to load.
    from teachgym.students.language_model import LanguageModelStudent

    _check_names(settings, LanguageModelStudent.load)
    return LanguageModelStudent.load(name, **settings)


def learnable_skills(name: str) -> tuple[str, ...]:
    """Weak skills that training the student ``name`` can lift; () where nobody knows.

    Privileged knowledge for the oracle teacher, which is a ceiling and not a fair competitor:
    measured for ``tiny`` when it was made, and for ``simulated`` when it was fitted.
    """
    if name == "simulated":
        return Profile.load(FITTED_TO_TINY).learnable
    if name == "tiny":
        return tuple(json.loads(TINY_CARD.read_text())["learnable"])
    return ()


def _simulated(
    task: Task, *, profile: str | Path = FITTED_TO_TINY, noise: float | None = None
) -> SimulatedStudent:
    character = Profile.load(profile)
    if noise is not None:
        character = replace(character, noise=noise)
    return SimulatedStudent(character, task)


def _check_names(settings: dict[str, Any], make: Callable[..., Student]) -> None:
    """Settings are keyword-only parameters of the function that makes the student."""
    parameters = inspect.signature(make).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    require_known("student setting", settings, names)
