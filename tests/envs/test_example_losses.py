"""What the environment says of the losses of a step's examples."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import iterate

from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.evaluation import GenerateAndGrade
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Data, TrainResult

TASK = ToyTask()
TRAIN = TASK.examples("train")


class Telling(RecordingTrainer):
    """Says that the loss of example number i of ``TRAIN`` is i; 6 is infinite, 7 not a number."""

    def __init__(self, silent_about: int = 0) -> None:
        super().__init__()
        self.silent_about = silent_about

    def train(self, student: TableStudent, data: Data, rng: np.random.Generator) -> TrainResult:
        result = super().train(student, data, rng)
        numbers = {example.prompt: float(i) for i, example in enumerate(TRAIN)}
        odd = {6.0: math.inf, 7.0: math.nan}
        losses = [odd.get(numbers[e.prompt], numbers[e.prompt]) for e in data]
        return TrainResult(
            result.loss, result.steps, result.cost, tuple(losses[self.silent_about :])
        )


def make(trainer: RecordingTrainer, **rules: Any) -> TeacherEnv:
    chosen = EpisodeRules(budget=Budget(steps=9), examples_per_step=8, **rules)
    return TeacherEnv(TASK, TableStudent(), trainer, GenerateAndGrade(), rules=chosen)


@pytest.mark.parametrize(
    ("rules", "trained"),
    [({}, [4, 4, 4]), ({"replay": 0.5}, [4, 8, 8]), ({"training": "scratch"}, [4, 8, 12])],
)
def test_losses_are_those_of_the_accepted_examples_alone(rules: Any, trained: list[int]) -> None:
    """Earlier examples, trained on again after or before the new ones, are left out.

    So is the first example of later steps: it is a repetition, which the gate keeps out.
    """
    trainer = Telling()
    env = make(trainer, **rules)
    env.reset(seed=0)
    for start in (0, 4, 8):
        *_, info = env.step(TRAIN[max(start - 1, 0) : start + 4])
        numbers = range(start, start + 4)
        assert [e.prompt for e in info["data"]] == [TRAIN[i].prompt for i in numbers]
        assert info["losses"] == tuple(None if i in (6, 7) else float(i) for i in numbers)
    assert [len(call) for call in trainer.calls] == trained


@pytest.mark.parametrize("trainer", [RecordingTrainer(), Telling(silent_about=1)])
def test_a_trainer_that_does_not_say_one_loss_per_example_says_none(trainer: Any) -> None:
    env = make(trainer)
    env.reset(seed=0)
    *_, info = env.step(TRAIN[:3])
    assert info["losses"] == (None, None, None)
    *_, info = env.step(())
    assert info["losses"] == ()


def test_rows_of_a_vector_environment_have_the_losses_of_single_ones() -> None:
    """Gymnasium takes rows with different numbers of examples."""
    settings: dict[str, Any] = {
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 20,
        "budget": {"steps": 2},
    }
    rows = gym.make_vec("teachgym/SkillList-v0", num_envs=2, **settings)
    alone = gym.make("teachgym/SkillList-v0", **settings)
    rows.reset(seed=[3, 4])
    rows.action_space.seed(0)
    actions = rows.action_space.sample()
    *_, infos = rows.step(actions)
    for row, action in enumerate(iterate(rows.action_space, actions)):
        alone.reset(seed=3 + row)
        *_, info = alone.step(action)
        assert infos["losses"][row] == info["losses"]
        assert len(info["losses"]) == len(info["data"]) > 0
