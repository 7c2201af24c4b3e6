"""What a teacher model's view adds to the task's grades where the student is seldom right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Data, leaf_skills

TASK = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
WHOLE = {"beta": 0.2, "final_beta": 0.2}
"""Forty times the paper's weight, whose students are a thousand times as large."""
LOSSES: dict[str, dict[str, Any]] = {
    "grpo": {"loss": "grpo", "loss_settings": {"beta": 0.0}},
    "kdrl": {"loss": "kdrl", "loss_settings": WHOLE},
}


def drawn(skills: Sequence[str], count: int, seed: int) -> Data:
    """Exercises of some skills in turn."""
    rng = np.random.default_rng([seed, count])
    return tuple(TASK.make(skills[i % len(skills)], None, rng) for i in range(count))


def half_known(student: Any) -> list[str]:
    """Skills in which 2 to 50 % of the samples are right, of four to each of twenty exercises."""
    leaves = leaf_skills(TASK.skills)
    items = drawn(leaves, 20 * len(leaves), 1)
    rates = defaultdict[str, list[float]](list)
    for item, own in zip(
        items, student.sample([e.question for e in items], k=4, seed=0), strict=True
    ):
        rates[item.skill] += [float(TASK.grade(item, answer)) for answer in own]
    return [skill for skill, grades in rates.items() if 0.02 <= fmean(grades) <= 0.5]


def accuracies(base: int) -> tuple[float, dict[str, float]]:
    """Accuracy on fresh exercises before, and after 60 updates of 16 questions by each loss."""
    student, teacher = (make_student("tiny", TASK, base=base) for _ in range(2))
    skills = half_known(student)
    make_trainer(teacher).train(
        teacher, drawn(skills, 300 * len(skills), 2), np.random.default_rng(base)
    )
    items, start = drawn(skills, 40 * len(skills), 3), student.save()
    data = drawn(skills, 16 * 60, 4)

    def accuracy() -> float:
        answers = student.generate([e.question for e in items])
        return fmean(float(grade) for grade in TASK.grade_all(items, answers))

    found, before = dict[str, float](), accuracy()
    for name, loss in LOSSES.items():
        student.restore(start)
        trainer = make_trainer(
            student,
            "on-policy",
            task=TASK,
            teacher_model=ModelTeacher(teacher),
            k=8,
            batch_size=16,
            learning_rate=1e-3,
            warmup_steps=0,
            **loss,
        )
        trainer.train(student, data, np.random.default_rng(base))
        found[name] = accuracy()
    return before, found


@pytest.mark.slow
def test_grades_teach_more_with_the_view_of_a_better_teacher_model() -> None:
    """In four of five bases, on skills of which 2 to 50 % of the samples are right.

    From 0.254, 0.171, 0.288, 0.200 and 0.396 right, GRPO comes to 0.461, 0.246, 0.263, 0.350 and
    0.567, and KDRL to 0.500, 0.275, 0.269, 0.525 and 0.554, of 40 items of each skill. That KDRL is
    above reverse KL alone is not asserted; that gave 0.504, 0.264, 0.281, 0.505 and 0.567.
    """
    gains = []
    for base in range(5):
        before, after = accuracies(base)
        assert before < 0.4
        gains.append(after["kdrl"] - after["grpo"])
    assert sum(gain > 0 for gain in gains) >= 4
    assert fmean(gains) > 0.02
