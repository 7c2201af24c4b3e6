"""``smoke-test`` on a real student: the engine it chooses, beside what each engine teaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.engines.procedural import ProceduralEngine
from teachgym.loop import run_episode
from teachgym.protocols import DataEngine, Task
from teachgym.types import Data, Plan

ENGINES: dict[str, dict[str, Any]] = {
    "careful": {"name": "tests.agents.methods.test_smoke_test:Careful"},
    "bold": {"name": "imperfect", "wrong": 0.1},
    "weak": {"name": "imperfect", "wrong": 0.6},
}


class Careful(DataEngine):
    """Makes the easiest exercises alone, and never errs."""

    def __init__(self, task: Task) -> None:
        self._engine = ProceduralEngine(task)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        easy = tuple(replace(order, difficulty=0.0) for order in plan.orders)
        return self._engine.generate(Plan(easy), rng)


def make(seed: int, default: str, **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(
        "teachgym/SkillList-v0",
        student="tiny",
        student_settings={"base": seed},
        task_settings={"seed": seed, "val_per_cell": 3, "test_per_cell": 1, "train_per_cell": 1},
        engine="by-order",
        engine_settings={"engines": ENGINES, "default": default},
        gate_settings={"verify": False},
        examples_per_step=250,
        **settings,
    )


def taught(seed: int, engine: str) -> float:
    """Accuracy on val after four steps of one engine."""
    env = make(seed, engine, budget={"steps": 4})
    episode = run_episode(env, make_teacher("uniform", env), seed=seed)
    return float(episode.transitions[-1].info["metrics"]["accuracy"])


def chosen(seed: int) -> str:
    env = make(seed, "weak", lookahead=8, action="plan", budget={"steps": 9})
    teacher: Any = make_teacher("smoke-test", env, engines=list(ENGINES))
    teacher.reset(seed)
    teacher.act(env.reset(seed=seed)[0])
    return str(teacher.engine)


@pytest.mark.slow
def test_a_sample_tells_which_engine_teaches_most() -> None:
    """In four of five seeds, as a choice by the accuracy of the engines themselves would, too.

    Accuracy after four steps of the careful, the bold and the weak engine: 0.531, 0.538, 0.340;
    0.635, 0.628, 0.264; 0.462, 0.455, 0.316; 0.615, 0.587, 0.403; 0.507, 0.503, 0.274. The choice
    is bold in the first and the third seed, and careful in the others.
    """
    hits = 0
    for seed in range(5):
        full = {name: taught(seed, name) for name in ENGINES}
        hits += chosen(seed) == max(full, key=full.__getitem__)
    assert hits >= 4
