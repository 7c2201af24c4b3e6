"""The registry of teacher models: language models, and your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teachgym.protocols import Task
from teachgym.registry import Registry
from teachgym.students import is_language_model

if TYPE_CHECKING:
    from teachgym.training.teacher_models import TeacherModel

TEACHER_MODELS = Registry(
    "teacher model",
    {
        "advantage": "teachgym.training.advantage:advantage",
        "chat": "teachgym.training.chat_teacher:chat_teacher",
        "oracle": "teachgym.training.oracle:Oracle",
    },
    given=("task",),
    extras={"chat": ("llm", "pydantic", "json_repair", "jinja2")},
)
"""Every teacher model that is no language model, called as ``(task, **settings)``."""


def make_teacher_model(name: Any, task: Task, settings: Mapping[str, Any]) -> TeacherModel:
    """Make the teacher model ``name``: a language model, or your own.

    Args:
        name: a student that is a language model, such as ``tiny``, a path or a hub id; ``chat``;
            ``oracle``; ``advantage``; or a
            ``teachgym.training.teacher_models.TeacherModel`` in one of the other ways of
            ``teachgym.registry``.
        task: what the student is taught.
        settings: of a language model, ``teachgym.training.teacher_settings.TeacherModelSettings``.

    Raises:
        UnknownNameError, ConfigError, MissingExtraError: as ``require_teacher_model``.
    """
    if _is_registered(name):
        made: TeacherModel = TEACHER_MODELS.make(name, task, settings=settings)
        return made
    # Imported here: torch takes seconds to load.
    from teachgym.training.teacher_settings import model_teacher

    return model_teacher(name, task, settings)


def require_teacher_model(name: Any, settings: Mapping[str, Any]) -> None:
    """Check name and settings of a teacher model before it is loaded.

    Raises:
        UnknownNameError: for what names none.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if a package that it needs is not installed.
    """
    if _is_registered(name):
        TEACHER_MODELS.check(name, settings)
        return
    from teachgym.training.teacher_settings import require_model

    require_model(name, settings)


def _is_registered(name: Any) -> bool:
    """Whether it is anything but a language model."""
    return name in TEACHER_MODELS.names or not is_language_model(name)
