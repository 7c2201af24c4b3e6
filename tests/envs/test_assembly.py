"""What an environment is made of is looked over before the first step."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import gymnasium as gym
import pytest

from teachgym.envs.assembly import Assembly, teacher_env
from teachgym.envs.batching import open_rendezvous
from teachgym.envs.config import SkillListConfig
from teachgym.errors import ConfigError, EpisodeError
from teachgym.tasks import make_task
from teachgym.testing import ToyTask
from teachgym.types import Example, Split

ID = "teachgym/SkillTree-v0"
ITEMS = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}


def test_a_student_that_may_not_write_enough_is_warned_of() -> None:
    """The tokens of ``tiny`` are characters and the end, and it may write five of them."""
    longest = max(
        len(e.target) for e in make_task("arithmetic-and-strings", **ITEMS).examples("val")
    )
    settings = {"student": "tiny", "student_settings": {"max_new_tokens": 5}}
    with pytest.warns(UserWarning, match=f"max_new_tokens is 5, .* to {longest + 1} or more"):
        teacher_env(task_settings=ITEMS, **settings)


@pytest.mark.parametrize("student", ["tiny", "simulated"])
def test_a_student_that_may_write_enough_is_not(student: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        teacher_env(task_settings=ITEMS, student=student)


def config(**settings: object) -> SkillListConfig:
    return SkillListConfig.of({"student": "simulated", "task_settings": ITEMS, **settings})


def test_environments_around_one_model_share_a_task_if_they_have_one_configuration() -> None:
    assembly = Assembly(3)
    first, equal = assembly(0, config()), assembly(1, config())
    other = assembly(2, config(engine="pool"))
    assert first.task is equal.task
    assert first.task is not None
    assert first.trainer is equal.trainer is other.trainer
    assert len({id(parts.student) for parts in (first, equal, other)}) == 3


@pytest.mark.parametrize(
    "other", [{"trainer_settings": {"epochs": 2}}, {"task_settings": {**ITEMS, "seed": 1}}]
)
def test_environments_with_another_learner_share_no_model(other: dict[str, object]) -> None:
    """A simulated student has its answers from the task."""
    assembly = Assembly(2)
    assembly(0, config())
    with pytest.raises(ConfigError, match="different learners"):
        assembly(1, config(**other))


def test_students_whose_tasks_stop_them_elsewhere_are_asked_apart() -> None:
    asked: list[tuple[list[str], Sequence[str]]] = []

    class Asked:
        def generate_together(
            self, students: Sequence[object], prompts: Sequence[str], *, stop: Sequence[str]
        ) -> list[str]:
            asked.append((list(prompts), stop))
            return [prompt.upper() for prompt in prompts]

    rendezvous, student = open_rendezvous(), Asked()
    stops: dict[str, Sequence[str]] = {"a": (), "b": ("\n",), "c": []}
    calls = [
        lambda row=row, own=own: rendezvous.ask("generate", row, (student, *own))
        for row, own in enumerate(stops.items())
    ]
    assert rendezvous.run(calls) == ["A", "B", "C"]
    assert asked == [(["a", "c"], ()), (["b"], ("\n",))]


def test_what_wrappers_carry_out_is_refused_where_there_are_none() -> None:
    for name, value in (("stop", True), ("lookahead", 4), ("rejection_penalty", 0.1)):
        with pytest.raises(ConfigError, match=f"{name} is .*, and the base environment does not"):
            teacher_env(student="simulated", **{name: value})


def test_a_skill_tree_has_texts() -> None:
    """It took the setting, and wrote them."""
    for make in (partial(gym.make, ID), partial(gym.make_vec, ID, 2, "vector_entry_point")):
        with pytest.raises(ConfigError, match="texts is False, and a skill tree has texts"):
            make(student="simulated", texts=False)


class Unmeasured(ToyTask):
    """Has no items of val."""

    def examples(self, split: Split) -> Sequence[Example]:
        return () if split == "val" else super().examples(split)


def test_a_task_without_items_of_val_is_told_of_at_the_first_reset() -> None:
    with pytest.raises(EpisodeError, match="val has no items"):
        teacher_env(task=Unmeasured, student="tiny").reset(seed=0)
