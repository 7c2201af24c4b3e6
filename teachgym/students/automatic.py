"""The automatic backend: ``local`` for models that it computes rightly, else ``hf``."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from teachgym.errors import LocalBackendError
from teachgym.protocols import Student
from teachgym.students.bases import base_of
from teachgym.students.hf import loading as hf
from teachgym.students.loading import reads_images
from teachgym.students.local import student as local
from teachgym.students.settings import LanguageModelSettings


def load_students(
    name_or_path: str, count: int, settings: LanguageModelSettings
) -> Sequence[Student]:
    """``count`` equal students of the first backend that suits the model.

    Only ``hf`` reads pictures. Another model that goes there is told of by a warning with what
    differed. The arguments are those of ``teachgym.students.local.student.load_students``.

    Raises:
        UnknownNameError: if there is no such model, or it cannot be read.
        ConfigError: for a setting that the model does not allow, or a model that neither
            backend can teach.
        MissingExtraError: if the model goes to ``hf``, adapters are asked for and peft is missing.
    """
    if reads_images(base_of(name_or_path, settings.base), images=settings.images):
        return hf.load_students(name_or_path, count, settings)
    try:
        return local.load_students(name_or_path, count, settings)
    except LocalBackendError as error:
        reason = str(error).partition("; use ")[0]
    warnings.warn(
        f"{name_or_path} is taught by the hf backend, which is slower: {reason}", stacklevel=3
    )
    return hf.load_students(name_or_path, count, settings)
