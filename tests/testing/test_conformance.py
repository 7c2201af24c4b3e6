"""Everything registered keeps the contract of ``teachgym.testing``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

import teachgym  # noqa: F401  (registers the environments)
from teachgym.agents import REQUIRED, TEACHERS, make_teacher, teacher_settings
from teachgym.engines import ENGINES
from teachgym.rewards import REWARDS, make_reward
from teachgym.students import make_student
from teachgym.tasks import TASKS, make_task
from teachgym.testing import (
    check_engine,
    check_reward,
    check_student,
    check_task,
    check_teacher,
    check_trainer,
)
from teachgym.training import make_trainer

READ = {
    *("bfcl", "easy-vqa", "gqa", "gsm8k", "human-eval", "livecodebench", "math", "naturalbench"),
    "qa",
}
SELF_MADE = [name for name in TASKS if name not in READ]
"""The others read files, which their own tests make."""
FEW = {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 2}
SMALL: dict[str, dict[str, Any]] = {
    "second-try": {"task_settings": FEW},
    "stated-confidence": {"task_settings": FEW},
    "several": {
        "tasks": {"sums": {"task": "arithmetic-and-strings", "task_settings": FEW}},
    },
}

STUDENTS = [
    "simulated",
    pytest.param(
        "tiny",
        marks=[
            pytest.mark.slow,
        ],
    ),
]


def task(name: str = "arithmetic-and-strings") -> Any:
    if name == "reasoning-gym":
        pytest.importorskip("reasoning_gym")
    return make_task(name, **SMALL.get(name, FEW))


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", SELF_MADE)
def test_every_task_keeps_the_contract(name: str) -> None:
    check_task(task(name), samples=20)


@pytest.mark.parametrize("name", STUDENTS)
def test_every_student_and_its_trainer_keep_the_contract(name: str) -> None:
    student, data = make_student(name, task()), tuple(task().examples("train")[:20])
    check_student(student, [e.question for e in data])
    check_trainer(make_trainer(student), student, data)


@pytest.mark.sweep(6)
@pytest.mark.parametrize("name", ["procedural", "pool"])
@pytest.mark.parametrize("task_name", SELF_MADE)
def test_every_engine_keeps_the_contract_on_every_task(name: str, task_name: str) -> None:
    check_engine(ENGINES.make(name, task(task_name)), task(task_name))


@pytest.mark.parametrize("name", REWARDS)
def test_every_reward_keeps_the_contract(name: str) -> None:
    check_reward(make_reward(name))


@pytest.mark.sweep(5)
@pytest.mark.parametrize(
    "name", [name for name in TEACHERS if REQUIRED not in teacher_settings(name).values()]
)
def test_every_teacher_that_needs_no_settings_keeps_the_contract(name: str) -> None:
    kind = TEACHERS[name].kinds[0].env
    own = TEACHERS[name].env.get(kind, {})
    env = gym.make(
        f"teachgym/{kind}-v0",
        student="simulated",
        task_settings=FEW,
        examples_per_step=60,
        **own,
    )
    check_teacher(make_teacher(name, env), env, max_steps=4)


@pytest.mark.parametrize(
    ("id_", "name", "settings"),
    [
        ("SkillList", "uniform", {}),
        ("SkillList", "smoke-test", {"action": "plan", "lookahead": 2}),
        ("SkillTree", "fill-and-balance", {}),
    ],
)
def test_teachers_that_never_stop_keep_the_contract_where_they_could(
    id_: str, name: str, settings: dict[str, Any]
) -> None:
    own = {"student": "simulated", "task_settings": FEW, "examples_per_step": 20, "stop": True}
    env = gym.make(f"teachgym/{id_}-v0", **own, **settings)
    check_teacher(make_teacher(name, env), env, max_steps=2)
