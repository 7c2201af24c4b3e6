"""Students of the ``hf`` backend by the name of their model, checked when they are loaded."""

from __future__ import annotations

from teachgym.students.hf.check import answers_alone
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.preparing import prepare
from teachgym.students.settings import LanguageModelSettings


def load_students(
    name_or_path: str, count: int, settings: LanguageModelSettings
) -> tuple[HuggingFaceStudent, ...]:
    """``count`` equal students, each with a model of its own.

    The arguments are those of ``teachgym.students.local.student.load_students``; ``strict``,
    ``graphs`` and ``server`` are not used.

    Raises:
        UnknownNameError: if there is no such model, or it cannot be read.
        ConfigError: for a setting that the model does not allow.
        MissingExtraError: if adapters are asked for and peft is not installed.
    """
    return tuple(_load(name_or_path, settings) for _ in range(count))


def _load(name_or_path: str, settings: LanguageModelSettings) -> HuggingFaceStudent:
    own = prepare(name_or_path, settings)
    student = HuggingFaceStudent(
        own.model,
        own.texts,
        max_new_tokens=own.max_new_tokens,
        lora=own.lora,
        dtype=settings.torch_dtype,
    )
    with student.threads():
        if answers_alone(student):
            student.prompts_at_once = 1
    if own.start:
        student.load_adapter(own.start)
    return student
