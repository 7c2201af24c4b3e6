"""What filters make of a teacher that errs, with a student that is really trained."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents import make_teacher
from teachgym.loop import run_episode

SEEDS = (0, 1, 2)
ARMS: dict[str, dict[str, Any]] = {
    "random": {"gate_checks": [{"name": "random", "share": 0.25}]},
    "both": {"gate_checks": ["llkd-like"]},
    "student": {"gate_checks": [{"name": "llkd-like", "signals": "student"}]},
}


def final_accuracy(arm: str, seed: int) -> float:
    """On ``val`` after 2,000 exercises were written, of which two in five are wrong."""
    settings: dict[str, Any] = {
        "gate_settings": {"verify": False},
        "engine_settings": {"wrong": 0.4},
        **ARMS[arm],
    }
    env = gym.make(
        "teachgym/SkillList-v0",
        student="tiny",
        task_settings={"val_per_cell": 4, "test_per_cell": 1, "train_per_cell": 1},
        engine="imperfect",
        examples_per_step=400,
        budget={"steps": 5, "teacher_calls": 2000},
        **settings,
    )
    episode = run_episode(env, make_teacher("uniform", env), seed=seed)
    return float(episode.transitions[-1].info["metrics"]["accuracy"])


@pytest.mark.slow
def test_both_signals_beat_chance_and_the_student_s_alone() -> None:
    """That they beat the writer's confidence alone is not asserted: at this scale they do not.

    Measured with these seeds: 0.539, 0.539 and 0.529 with both, 0.510, 0.490 and 0.510 by chance,
    0.422, 0.398 and 0.409 by the student's uncertainty, each on 384 items.
    """

    def mean(arm: str) -> float:
        return sum(final_accuracy(arm, seed) for seed in SEEDS) / len(SEEDS)

    assert mean("both") > max(mean("random"), mean("student"))
