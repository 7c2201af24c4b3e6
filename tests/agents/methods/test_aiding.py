"""Teachers that choose what stands before prompts: choices derived by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher
from teachgym.agents.context import Classroom
from teachgym.agents.methods.guidance import Guidance
from teachgym.agents.methods.interventions import Interventions, Rank
from teachgym.agents.methods.knowledge import Knowledge
from teachgym.ledger import Ledger
from teachgym.loop import run_episode
from teachgym.syllabus import Syllabus
from teachgym.testing import ToyTask
from teachgym.types import Aid, Budget, Example, Items, Obs

Chances = Mapping[str, float]
ALONE = {"copy": 1.0, "reverse": 0.2, "next": 0.3, "double": 0.6}
HELPED = {"copy": 1.0, "reverse": 0.9, "next": 0.3, "double": 0.1}
"""Chances of a right answer by skill: help is worth 0, 0.7, 0 and -0.5."""


class Reader:
    """Probes of a student that does better or worse after a text, by skill."""

    def __init__(self, alone: Chances = ALONE, helped: Chances = HELPED) -> None:
        self.aids: list[Sequence[Aid]] = []
        self.task = ToyTask(per_cell=4)
        self.alone, self.helped = alone, helped

    def chances(self, text: str) -> Chances:
        return self.helped if text else self.alone

    def labels(self, items: Items) -> list[tuple[str, float | None]]:
        assert items.split == "val"
        return [(e.skill, e.difficulty) for e in self.task.examples("val")]

    def logprobs(self, items: Any, *, prefix: str = "") -> list[np.ndarray]:
        chances = self.chances(prefix)
        return [np.full(2, np.log(chances[e.skill]) / 2) for e in items]

    def greedy(self, items: Any, *, prefix: str = "") -> list[str]:
        chances = self.chances(prefix)
        return [e.target if chances[e.skill] > 0.5 else "?" for e in items]

    def aid(self, aids: Sequence[Aid]) -> tuple[()]:
        self.aids.append(tuple(aids))
        return ()


def classroom(reader: Reader | None = None) -> tuple[Classroom, Any]:
    probes: Any = reader or Reader()
    meter = Ledger(Budget(steps=1)).meter
    return Classroom(Syllabus.of(probes.task), meter, 8, (0.0, 1.0), probes), probes


def seen(accuracy: Sequence[float]) -> Obs:
    """What is observed of skills that are as good at both levels."""
    rows = np.repeat(np.array(accuracy, dtype=np.float32)[:, None], 2, axis=1)
    return {"accuracy": rows, "n": np.full((4, 2), 4.0), "stderr": np.zeros((4, 2))}


WEAK = seen([1.0, 0.0, 0.5, 0.75])


@pytest.mark.parametrize(
    ("rank", "misaligned", "skills"),
    [
        ("utility", False, ["reverse"]),
        ("utility", True, ["double"]),
        ("confidence", False, ["reverse"]),
    ],
)
def test_interventions_go_where_this_teacher_expects_most(
    rank: Rank, misaligned: bool, skills: list[str]
) -> None:
    """A quarter of 32 items is the eight of one skill."""
    room, probes = classroom()
    teacher = Interventions(room, budget=0.25, rank=rank, misaligned=misaligned)
    action = teacher.act(WEAK)
    np.testing.assert_array_equal(action, np.full((4, 2), 1 / 8, np.float32))
    [aids] = probes.aids
    assert [aid.skill for aid in aids] == skills
    val = probes.task.examples("val")
    assert [val[place].skill for place in aids[0].places] == skills * 8


class Pupil(Reader):
    """Knows ``copy``, and can be helped with ``reverse``, a little with ``double``.

    Nothing helps with ``next``. Wrong explanations mislead it where it knows something.
    """

    def __init__(self) -> None:
        super().__init__(
            {"copy": 0.9, "reverse": 0.3, "next": 0.1, "double": 0.6},
            {"copy": 0.9, "reverse": 0.9, "next": 0.1, "double": 0.7},
        )
        self.misled = {"copy": 0.1, "reverse": 0.3, "next": 0.1, "double": 0.2}
        self.solved = {f"{e.prompt}{e.target}\n\n" for e in self.task.examples("train")}

    def chances(self, text: str) -> Chances:
        return self.misled if text and text not in self.solved else super().chances(text)

    def accuracy(self, aids: Sequence[Aid]) -> float:
        """The expected accuracy on val with aids, each item having one at most."""
        texts = {place: aid.text for aid in aids for place in aid.places}
        items = self.task.examples("val")
        return fmean(self.chances(texts.get(i, ""))[e.skill] for i, e in enumerate(items))


def curve(seed: int = 0, **settings: Any) -> list[float]:
    """Accuracy at budgets of 0, 1/4, 1/2, 3/4 and all of the items."""
    found = []
    for quarters in range(5):
        pupil = Pupil()
        teacher = Interventions(classroom(pupil)[0], budget=quarters / 4, **settings)
        teacher.reset(seed)
        teacher.act(WEAK)
        found.append(pupil.accuracy(pupil.aids[-1]))
    return found


def area(accuracies: Sequence[float]) -> float:
    """The area under the curve, by trapezoids."""
    return fmean(map(fmean, pairwise(accuracies)))


def test_utility_is_worth_more_than_confidence_and_that_more_than_chance() -> None:
    """0.475 alone; the eight items of ``reverse`` gain 0.15 in all, those of ``double`` 0.025.

    Utility takes them first, confidence after those of ``next``; by chance they come evenly.
    """
    utility, confidence = curve(), curve(rank="confidence")
    assert utility == pytest.approx([0.475, 0.625, 0.65, 0.65, 0.65])
    assert confidence == pytest.approx([0.475, 0.475, 0.625, 0.65, 0.65])
    by_chance = fmean(area(curve(seed, rank="random")) for seed in range(20))
    assert by_chance == pytest.approx((0.475 + 0.65) / 2, abs=0.01)
    assert area(utility) > area(confidence) > by_chance


def test_a_misaligned_teacher_does_harm() -> None:
    """It misleads first where most is lost: 0.2 by ``copy``, then 0.1 by ``double``."""
    assert curve(misaligned=True) == pytest.approx([0.475, 0.275, 0.175, 0.175, 0.175])


def test_an_explanation_is_a_solved_exercise_and_a_misaligned_one_has_another_answer() -> None:
    for misaligned in (False, True):
        room, probes = classroom()
        Interventions(room, budget=1.0, misaligned=misaligned).act(WEAK)
        solved = {f"{e.prompt}{e.target}\n\n" for e in room.syllabus.train}
        assert len(probes.aids[0]) == 4
        assert {aid.text in solved for aid in probes.aids[0]} == {not misaligned}


def test_interventions_by_chance_are_spread_and_within_their_budget() -> None:
    room, probes = classroom()
    teacher = Interventions(room, budget=0.5, rank="random")
    for seed in range(3):
        teacher.reset(seed)
        teacher.act(WEAK)
    places = [[p for aid in aids for p in aid.places] for aids in probes.aids]
    assert [len(own) for own in places] == [16, 16, 16]
    assert len({tuple(own) for own in places}) == 3
    assert len(probes.aids[0]) > 1


def test_guidance_is_kept_where_the_retry_is_better() -> None:
    """One scenario a step, the weakest first: help is worth something in ``reverse`` alone."""
    room, probes = classroom()
    teacher = Guidance(room)
    for _ in range(4):
        teacher.act(WEAK)
    assert [len(aids) for aids in probes.aids] == [1, 1, 1, 1]
    [aid] = probes.aids[-1]
    prompts = {e.prompt for e in room.syllabus.train if e.skill == "reverse"}
    assert all(word in " ".join(prompts) for word in aid.like.split(" "))
    assert any(aid.text.startswith(prompt) for prompt in prompts)
    teacher.reset(0)
    teacher.act(seen([1.0, 1.0, 1.0, 1.0]))
    assert probes.aids[-1] == ()


def test_unverified_guidance_is_stored_untried() -> None:
    room, probes = classroom()
    teacher = Guidance(room, verified=False)
    for _ in range(3):
        teacher.act(WEAK)
    assert [len(aids) for aids in probes.aids] == [1, 2, 3]


def test_knowledge_is_what_was_failed_and_is_looked_up_where_the_student_is_unsure() -> None:
    """``reverse`` and ``next`` are answered wrong, and are below 0.68 on val."""
    room, probes = classroom()
    teacher = Knowledge(room, asked=1000)
    teacher.act(WEAK)
    teacher.act(WEAK)
    first, second = probes.aids
    failed = {e.prompt: e.target for e in room.syllabus.train if e.skill in ("reverse", "next")}
    assert {aid.like for aid in first} == set(failed)
    assert all(aid.text == f"{aid.like}{failed[aid.like]}\n\n" for aid in first)
    assert len(second) == len(first)
    val = probes.task.examples("val")
    unsure = {i for i, e in enumerate(val) if e.skill in ("reverse", "next")}
    assert all(set(aid.places) == unsure for aid in first)


def test_a_store_is_bounded_and_can_be_searched_wrongly() -> None:
    room, probes = classroom()
    Knowledge(room, asked=1000, most=3).act(WEAK)
    assert len(probes.aids[-1]) == 3
    Knowledge(room, asked=1000, shuffled=True).act(WEAK)
    assert any(not aid.text.startswith(aid.like) for aid in probes.aids[-1])
    solved = {f"{e.prompt}{e.target}\n\n" for e in room.syllabus.train if isinstance(e, Example)}
    assert all(aid.text in solved for aid in probes.aids[-1])


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", ["interventions", "guidance", "knowledge", "lbt"])
def test_their_student_is_that_of_uniform_and_probes_are_paid(name: str) -> None:
    def play(teacher: str) -> Any:
        env = gym.make(
            "teachgym/SkillList-v0",
            task="teachgym.testing.toy:ToyTask",
            task_settings={"per_cell": 4},
            student="simulated",
            budget={"steps": 3, "examples": 24},
        )
        return run_episode(env, make_teacher(teacher, env), seed=1).transitions

    plain, helped = play("uniform"), play(name)
    for one, other in zip(plain, helped, strict=True):
        np.testing.assert_array_equal(one.action, other.action)
        assert one.info["metrics"]["accuracy"] == other.info["metrics"]["accuracy"]
        assert other.info["cost"].generated_tokens > one.info["cost"].generated_tokens
    assert play(name)[-1].info["metrics"] == helped[-1].info["metrics"]
