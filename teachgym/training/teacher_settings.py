"""Teacher models from settings: any language model, as it is or trained on the task first."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

import teachgym
from teachgym.cache import cache_folder, write_whole
from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.settings import Count, CountFromOne, Seed, Table, build, checked, within
from teachgym.students import make_student, require_student
from teachgym.students.local.student import LanguageModelStudent
from teachgym.training import make_trainer, require_trainer
from teachgym.training.teacher_models import ModelTeacher, TeacherModel
from teachgym.types import Checkpoint, Data, leaf_skills

_log = logging.getLogger(__name__)


@checked
@dataclass(frozen=True)
class TeacherModelSettings:
    """The settings that make a language model a teacher model."""

    student_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """The model's own; see ``teachgym.students.settings.LanguageModelSettings``."""
    examples: Count = 0
    """The number of examples of the task it is trained on first, equal by skill; 0 = it is taken
    as it is. The training is no part of the episode: it is charged to nobody, and what comes of it
    is kept on disk. Few examples that are read often make an over-fitted teacher."""
    trainer_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """The trainer settings of that training, e.g. ``{"epochs": 20}``."""
    seed: Seed = 0
    """The seed of its examples and their order."""
    top_k: CountFromOne = 64
    """Tokens that losses are told of at each place, >= 1; from the vocabulary's size on, all."""
    remember: bool = False
    """Whether what is told of targets is kept on disk and not read again; it is charged as if."""


def require_model(name: str, settings: Mapping[str, Any]) -> TeacherModelSettings:
    """The settings of the language model ``name`` as a teacher model, checked before it is loaded.

    Raises:
        UnknownNameError: for a model that does not exist.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if a package that it needs is not installed.
    """
    told = build(f"teacher model {name!r}", TeacherModelSettings, settings=settings)
    with within("student_settings"):
        require_student(name, told.student_settings)
    with within("trainer_settings"):
        require_trainer("packed", name, told.trainer_settings)
    return told


def model_teacher(name: str, task: Task, settings: Mapping[str, Any]) -> TeacherModel:
    """The language model ``name`` as a teacher model of ``task``.

    Raises:
        ConfigError: for a model of another backend than ``local``; and as ``require_model``.
    """
    told = require_model(name, settings)
    student = make_student(name, task, **told.student_settings)
    if not isinstance(student, LanguageModelStudent):
        raise ConfigError(
            f"the teacher model {name!r} is a {type(student).__name__}, which tells no "
            "log-probabilities in packed passes; set "
            "teacher_model_settings.student_settings.backend='local'"
        )
    if told.examples:
        _train(student, task, told)
    memory = cache_folder("teacher-models") if told.remember else None
    return ModelTeacher(student, told.top_k, memory)


def _train(student: LanguageModelStudent, task: Task, told: TeacherModelSettings) -> None:
    """Train the model, or put back what came of the same training before."""
    rng = np.random.default_rng(told.seed)
    data = _drawn(task, told.examples, rng)
    path = cache_folder("taught-models") / f"{_key(student, data, told)}.safetensors"
    if path.exists():
        try:
            return student.restore(Checkpoint(load(path.read_bytes())))
        except (SafetensorError, ConfigError, OSError) as error:
            _log.warning("%s cannot be read (%s); the teacher model is trained anew", path, error)
    make_trainer(student, "packed", **told.trainer_settings).train(student, data, rng)
    try:
        write_whole(
            path, save({n: np.ascontiguousarray(a) for n, a in student.save().arrays.items()})
        )
    except OSError as error:
        _log.warning("the teacher model is not kept: %s", error)


def _drawn(task: Task, count: int, rng: np.random.Generator) -> Data:
    """Examples of all skills in turn, or of ``train`` where the task makes none."""
    if task.is_procedural:
        leaves = leaf_skills(task.skills)
        return tuple(task.make(leaves[i % len(leaves)], None, rng) for i in range(count))
    pool = task.examples("train")
    return tuple(pool[i] for i in rng.permutation(len(pool))[:count])


def _key(student: LanguageModelStudent, data: Data, told: TeacherModelSettings) -> str:
    """Equal for trainings that end with the same weights."""
    facts = {
        "model": student.fingerprint(),
        "data": [
            (e.identity, e.target, e.rejected, e.spans, e.soft_labels, e.meta.get("joint"))
            for e in data
        ],
        "student": dict(told.student_settings),
        "trainer": dict(told.trainer_settings),
        "seed": told.seed,
        "versions": (teachgym.__version__, torch.__version__),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
