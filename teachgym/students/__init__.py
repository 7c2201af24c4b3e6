"""Who is taught. ``make_student`` finds a student by name; three fidelities, one protocol."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from teachgym.errors import UnknownNameError, require_known, unknown
from teachgym.protocols import Student, Task
from teachgym.students.profile import FITTED_TO_TINY, Profile
from teachgym.students.simulated import SimulatedStudent

__all__ = [
    "SimulatedStudent",
    "learnable_skills",
    "make_student",
    "make_students",
    "require_student",
]

BUILT_IN = ("simulated", "tiny", "smollm2")
"""Students that need neither a path nor the network."""

HUB_ID = r"\w[\w.-]*(/\w[\w.-]*)?"
"""``owner/name``, or ``name`` alone for old models."""

_MODULES = {"auto": "automatic", "local": "language_model", "hf": "hf", "vllm": "vllm"}
"""Where the ``load_students`` of a backend is."""

TINY_CARD = Path(__file__).parent / "data" / "tiny" / "card.json"
"""What is known about the ``tiny`` student."""


def make_student(name: str, task: Task, **settings: Any) -> Student:
    """The untrained student ``name``: the only one of ``make_students(name, task, 1)``."""
    return make_students(name, task, 1, **settings)[0]


def make_students(name: str, task: Task, count: int, **settings: Any) -> tuple[Student, ...]:
    """``count`` equal untrained students ``name``; language models share one resident model.

    Args:
        name: ``simulated`` (a table of competences, no torch), ``tiny`` (the small transformer
            that ships), ``smollm2`` (SmolLM2-135M-Instruct, with the extra of that name), or a
            Hugging Face causal language model: the path of a folder, of an adapter in PEFT's
            format or of a GGUF file, or a hub id.
        task: what they will be asked; simulated students have their answers from there.
        count: how many, >= 1.
        settings: of ``simulated``: ``profile``, the path of a JSON file instead of the profile
            that ships, and ``noise`` instead of the profile's own. Of the others: the fields of
            ``teachgym.students.settings.LanguageModelSettings``.

    Raises:
        UnknownNameError: for a name that is nearly one of ``BUILT_IN``, or a missing model.
        ConfigError: for a setting that does not exist or is out of range, or a missing profile.
        MissingExtraError: if a package that the student needs is not installed.
    """
    if name == "simulated":
        known = [p.name for p in inspect.signature(_simulated).parameters.values()][1:]
        require_known("student setting", settings, known)
        return tuple(_simulated(task, **settings) for _ in range(count))
    require_student(name)
    # Imported here: torch takes seconds to load.
    from teachgym.students.settings import LanguageModelSettings

    names = [f.name for f in fields(LanguageModelSettings)]
    require_known("student setting", settings, names)
    language_model = LanguageModelSettings(**settings)
    module = import_module(f"teachgym.students.{_MODULES[language_model.backend]}")
    students: Sequence[Student] = module.load_students(name, count, language_model)
    return tuple(students)


def require_student(name: str) -> None:
    """Refuse a name that cannot be a student's, without a look at the hub.

    Raises:
        UnknownNameError: for a name that is nearly one of ``BUILT_IN``, and for one that is
            neither a path that exists nor of the form of a hub id.
    """
    if name in BUILT_IN or (name and Path(name).exists()):
        return
    # Asking the hub for a misspelt name would take half a minute to fail.
    if get_close_matches(name, BUILT_IN) or not re.fullmatch(HUB_ID, name):
        raise UnknownNameError(
            f"{unknown('student', name, BUILT_IN)}, or a path or hub id of a model"
        )


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
