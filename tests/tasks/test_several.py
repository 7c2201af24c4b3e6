"""Several tasks as one: prefixed skills, the own grader of each, no shared held-out prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.engines.pool import pool_of_task
from teachgym.envs.stress.rugged import Rugged
from teachgym.errors import ConfigError, UnknownNameError, UnknownSkillError
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.sources import find_skills
from teachgym.tasks import TASKS, make_task
from teachgym.tasks.several import SeveralTasks
from teachgym.tasks.task import ListedTask, Task
from teachgym.testing import ToyTask, check_task
from teachgym.types import (
    SPLITS,
    Brief,
    Draft,
    Example,
    Order,
    Plan,
    Skill,
    Split,
    leaf_skills,
)

PARTS: dict[str, Any] = {
    "toy": {"task": "teachgym.testing.toy:ToyTask", "task_settings": {"per_cell": 2}},
    "main": {
        "task": "arithmetic-and-strings",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    },
}


class Telling(ToyTask):
    """Says what it is asked, by the skills and ids that it knows."""

    def diagnose(self, example: Example) -> str:
        """Its own skill."""
        return f"fault of {example.skill}"

    def describe(self, example: Example) -> str:
        """Its own id."""
        return f"picture of {example.id}"

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """With a blank before it."""
        assert example.skill in leaf_skills(self.skills)
        return replace(example, prompt=f" {example.prompt}")


class Known(ToyTask):
    """Grades by the id, as tasks do that keep the tests of their items."""

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """With an id that says what was made."""
        return replace(super().make(skill, difficulty, rng), id="made/3")

    def grade(self, example: Example, response: str) -> float:
        """0.3 for what it made, 0.7 for its items, else 0."""
        known = {e.id for split in SPLITS for e in self.examples(split)}
        return 0.3 if example.id == "made/3" else 0.7 * (example.id in known)


class Half(Task):
    """Prompts without a recognisable skill; every answer is half right."""

    name, skills, stop = "half-v0", (Skill("guess"),), ("\n", ";")
    brief = Brief("guesses", "A guess.", "", "Anything.")

    def examples(self, split: Split) -> Sequence[Example]:
        """Two of each split."""
        return tuple(
            Example(f"{split} {n}?", "?", "guess", id=f"{split}/{n}", source="task")
            for n in range(2)
        )

    def grade(self, example: Example, response: str) -> float:
        """1 for the target, 1/2 for the rest, and an error for what is another task's."""
        assert example.skill == "guess"
        return 1.0 if response == example.target else 0.5


@pytest.fixture(scope="module")
def telling() -> Task:
    return make_task("several", tasks={"a": {"task": f"{__name__}:Telling"}, "b": PARTS["main"]})


def test_everything_that_tasks_can_say_is_asked_of_the_own_task(telling: Task) -> None:
    first, last = telling.examples("val")[0], telling.examples("val")[-1]
    assert telling.diagnose(first) == "fault of copy"
    assert telling.describe(first) == "picture of val/0"
    assert (telling.diagnose(last), telling.describe(last)) == ("", "")
    rng = np.random.default_rng(0)
    assert telling.reword(first, rng) == replace(first, prompt=f" {first.prompt}")
    assert telling.reword(last, rng) is None
    methods = {name for name, value in vars(Task).items() if callable(value) and name[0] != "_"}
    assert methods - vars(SeveralTasks).keys() - vars(ListedTask).keys() == {"to_inner"}


@pytest.mark.parametrize("skills", ["opaque", "one", "shuffled"])
def test_a_task_words_examples_under_the_skills_that_it_knows(skills: str) -> None:
    """Asked of the one that is worn on top, with the levels of each skill swapped."""
    plain = Telling()
    task = Rugged(Relabelled(plain, find_skills(skills, plain)), seed=1)
    for example in task.examples("train")[:9]:
        worded = task.reword(example, np.random.default_rng(0))
        assert worded == replace(example, prompt=f" {example.prompt}")


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("several", tasks=PARTS)


def test_keeps_the_contract_of_a_task(task: Task) -> None:
    check_task(task, samples=8)


def test_skills_levels_and_ids_are_those_of_all_tasks(task: Task) -> None:
    toy, main = (make_task(part["task"], **part["task_settings"]) for part in PARTS.values())
    assert [s.name for s in task.skills] == [
        *(f"toy/{s.name}" for s in toy.skills),
        *(f"main/{s.name}" for s in main.skills),
    ]
    assert {s.name: s.parent for s in task.skills}["toy/copy"] == "toy/words"
    assert task.levels == (0.0, 0.5, 1.0)  # (0, 1) of one and (0, 1/2, 1) of the other
    for split in ("train", "val", "test"):
        inner = [*toy.examples(split), *main.examples(split)]
        assert [e.prompt for e in task.examples(split)] == [e.prompt for e in inner]
        assert task.examples(split)[0].id == f"toy/{split}/0"


def test_every_example_is_graded_by_its_own_task() -> None:
    task = make_task("several", tasks={"a": PARTS["toy"], "b": {"task": f"{__name__}:Half"}})
    first, last = task.examples("val")[0], task.examples("val")[-1]
    assert task.grade_all([last, first, last], ["no", "no", "?"]) == [0.5, 0.0, 1.0]
    assert [task.grade(e, "no") for e in (first, last)] == [0.0, 0.5]
    assert task.stop == ()  # one of them has none
    assert not task.is_procedural
    assert task.skills_of(first.prompt) == frozenset()  # neither can tell
    assert task.brief.domain == "exercises and guesses"
    assert task.brief.answer.endswith("For skills of 'b': Anything.")


@pytest.mark.parametrize("name", ["known", "train", "made"])
def test_the_own_task_knows_the_ids_of_what_teachers_hand_in(name: str) -> None:
    """Even where the task is called as its ids begin; an id without its name is none of its own."""
    task = make_task("several", tasks={name: {"task": f"{__name__}:Known"}})
    item, made = task.examples("train")[0], task.make(f"{name}/copy", 0.0, np.random.default_rng(0))
    (drawn,) = pool_of_task(task).generate(Plan((Order(item.skill, 1),)), np.random.default_rng(0))
    assert (made.id, drawn.source) == (f"{name}/made/3", "teacher")
    given = [item, drawn, made, replace(made, source="teacher")]
    assert [task.grade(e, "") for e in given] == [0.7, 0.7, 0.3, 0.3]
    assert task.grade_all(given, [""] * 4) == [0.7, 0.7, 0.3, 0.3]
    for foreign in ("", "other/train/0", "made", f"{name}x/train/0"):
        assert task.grade(replace(item, id=foreign), "") == 0


def test_a_skill_that_one_task_reads_may_still_be_of_one_that_cannot_tell() -> None:
    task = make_task("several", tasks={"a": PARTS["main"], "b": {"task": f"{__name__}:Half"}})
    first = task.examples("val")[0]
    assert task.skills_of(first.prompt) == {first.skill, "b/guess"}
    assert task.skill_of(first.prompt) is None
    alone = make_task("several", tasks={"a": PARTS["main"]})
    assert alone.skill_of(first.prompt) == first.skill


def test_makes_and_composes_by_the_task_of_the_skill(task: Task) -> None:
    made = task.make("toy/double", 1.0, np.random.default_rng(0))
    alone = make_task("teachgym.testing.toy:ToyTask").make("double", 1.0, np.random.default_rng(0))
    assert (made.prompt, made.skill, made.difficulty) == (alone.prompt, "toy/double", 1.0)
    assert task.compose(Draft("double: 12", "24"), "toy/double", 0.0).skill == "toy/double"
    assert task.verify(made) == 1
    with pytest.raises(UnknownSkillError, match="toy/double"):
        task.make("double", None, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("parts", "error", "text"),
    [
        ({}, ConfigError, "nothing"),
        ({"a/b": PARTS["toy"]}, ConfigError, "'a/b'"),
        ({"a": {"tsk": "qa"}}, ConfigError, "tasks.a needs the setting 'task'"),
        ({"a": {"task": "arithmetic"}}, UnknownNameError, "arithmetic-and-strings"),
        (
            {"a": {"task": "arithmetic-and-strings", "task_settings": {"sed": 1}}},
            ConfigError,
            "sed",
        ),
        ({"a": PARTS["toy"], "b": PARTS["toy"]}, ConfigError, "must not share"),
    ],
)
def test_bad_parts_are_named(parts: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make_task("several", tasks=parts)


class Twice(ToyTask):
    """Has the last item of test twice, as some published tests have."""

    def examples(self, split: Split) -> tuple[Example, ...]:
        """Those of the task, and one more of test."""
        found = super().examples(split)
        return found if split != "test" else (*found, replace(found[-1], id="again"))


def test_a_task_may_have_an_item_twice_among_others_as_it_may_alone() -> None:
    task = make_task("several", tasks={"a": {"task": Twice}})
    assert len(task.examples("test")) == len(Twice().examples("test"))


def test_parts_are_checked_before_a_task_is_made() -> None:
    with pytest.raises(UnknownNameError, match="arithmetic-and-strings"):
        TASKS.check("several", {"tasks": {"a": {"task": "arithmetic"}}})


def test_one_environment_teaches_them_all_from_one_budget() -> None:
    env = gym.make(
        "teachgym/SkillList-v0",
        task="several",
        task_settings={"tasks": PARTS},
        student="simulated",
        budget={"steps": 2, "examples": 100},
    )
    observation, _ = env.reset(seed=0)
    assert observation["accuracy"].shape == (4 + 32, 3)
    shares = np.zeros(env.action_space.shape, np.float32)
    shares[[0, -1]] = 1  # the first skill of the first task, the last of the last
    _, _, _, _, info = env.step(shares)
    taught = {e.skill.partition("/")[0] for e in info["data"]}
    assert taught == {"toy", "main"}
    assert info["metrics"]["accepted"] <= 100
    env.close()
