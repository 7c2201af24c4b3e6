"""Wrappers that apply a ``Stress``; without any stress, nothing is wrapped."""

from __future__ import annotations

from typing import Any

from teachgym.envs.stress.altered_data import Alteration, DropSkills, TrainOnAltered
from teachgym.envs.stress.forgetting import Forgetful
from teachgym.envs.stress.graders import FlippedScores, Regraded, SaturatedScores
from teachgym.envs.stress.settings import Stress, choose_skills
from teachgym.envs.stress.wrong_labels import LabelNoise
from teachgym.protocols import Evaluator, Student, Task, Trainer
from teachgym.types import leaf_skills


def stressed_trainer(
    trainer: Trainer[Any], stress: Stress, task: Task, student: Student
) -> Trainer[Any]:
    """Wrap ``trainer`` with the kinds of stress that concern training.

    Args:
        trainer: of the student.
        stress: how much of what.
        task: what is taught.
        student: untrained.

    Raises:
        ConfigError: for an unlearnable skill that is not a leaf of the task.
    """
    alterations: list[Alteration] = []
    if stress.wrong_labels:
        alterations.append(LabelNoise(task, stress.wrong_labels, stress.seed))
    leaves = leaf_skills(task.skills)
    skills = choose_skills(stress.unlearnable, leaves, kind="unlearnable", seed=stress.seed)
    if skills:
        alterations.append(DropSkills(skills))
    if alterations:
        trainer = TrainOnAltered(trainer, tuple(alterations))
    if stress.forgetting:
        trainer = Forgetful(trainer, student.save(), stress.forgetting)
    return trainer


def stressed_evaluator(evaluator: Evaluator, stress: Stress, task: Task) -> Evaluator:
    """Wrap ``evaluator`` with the kinds of stress that concern measuring; noise comes last.

    Raises:
        ConfigError: for a saturated skill that is not a leaf of the task.
    """
    leaves = leaf_skills(task.skills)
    skills = choose_skills(stress.saturated, leaves, kind="saturated", seed=stress.seed)
    if skills:
        evaluator = Regraded(evaluator, SaturatedScores(skills))
    if stress.grader_noise:
        evaluator = Regraded(evaluator, FlippedScores(stress.grader_noise, stress.seed), only="val")
    return evaluator
