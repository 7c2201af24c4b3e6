"""A task through other skills: the same examples, splits and grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from teachgym.errors import ConfigError, UnknownSkillError, UnsupportedError
from teachgym.protocols import PLAIN
from teachgym.skills.discovery import METHODS, discover_skills
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.skill_file import SkillFile
from teachgym.syllabus import Syllabus
from teachgym.testing import ToyTask, check_task
from teachgym.types import Brief, Draft, Example, Skill, Split

TASK = ToyTask()
SPLITS: tuple[Split, ...] = ("train", "val", "test")
GROUP = {"copy": "a", "reverse": "a", "next": "b", "double": "b"}


def _file(*splits: Split, names: dict[str, str] = GROUP) -> SkillFile:
    """Skills a and b, for the examples of the splits whose skill has a name."""
    examples = [e for split in splits for e in TASK.examples(split)]
    return SkillFile(
        TASK.name,
        "human",
        (Skill("a"), Skill("b")),
        {e.id: names[e.skill] for e in examples if e.skill in names},
    )


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_examples_have_the_skills_of_the_file_and_nothing_else_changes() -> None:
    task = Relabelled(TASK, _file(*SPLITS))
    assert [s.name for s in task.skills] == ["a", "b"]
    assert task.levels == TASK.levels
    assert task.name == "toy-v0+human-2"
    for split in SPLITS:
        for new, old in zip(task.examples(split), TASK.examples(split), strict=True):
            assert new == replace(old, skill=GROUP[old.skill])
            assert task.grade(new, old.target) == 1
            assert task.grade(new, "?") == 0


def test_what_the_file_does_not_assign_has_the_skill_other() -> None:
    task = Relabelled(TASK, _file("val"))
    assert [s.name for s in task.skills] == ["a", "b", "other"]
    assert {e.skill for e in task.examples("val")} == {"a", "b"}
    assert {e.skill for split in ("train", "test") for e in task.examples(split)} == {"other"}  # type: ignore[arg-type]


@pytest.mark.parametrize("splits", [("val",), ("train", "val"), SPLITS])
def test_a_relabelled_task_keeps_the_contract(splits: tuple[Split, ...]) -> None:
    task = Relabelled(TASK, _file(*splits))
    assert task.is_procedural
    check_task(task, lone=[skill.name for skill in task.skills])


@pytest.mark.parametrize(("method", "settings"), [("gold", {}), ("clusters", {"skills": 3})])
def test_discovered_skills_keep_the_contract(method: str, settings: dict[str, int]) -> None:
    found = discover_skills(METHODS.make(method, settings=settings, task=TASK), TASK, method=method)
    check_task(seen := Relabelled(TASK, found), lone=[skill.name for skill in seen.skills])


def test_what_is_made_for_a_skill_is_mixed_as_its_examples_are() -> None:
    """Skill b has 10 of each kind in val, and in train 40 copies that were left to it: 50 of 80.

    400 draws with p = 5/8 have a standard deviation of sqrt(400 * 15/64) = 9.7; four of them.
    """
    copies = {e.id: "b" for e in TASK.examples("train") if e.skill == "copy"}
    all_b = _file("val", names=dict.fromkeys(GROUP, "b"))
    file = replace(all_b, skills=(Skill("b"),), assignments={**all_b.assignments, **copies})
    task = Relabelled(TASK, file)
    rng = _rng()
    made = [task.make("b", None, rng) for _ in range(400)]
    kinds = Counter(e.prompt.partition(":")[0] for e in made)
    assert set(kinds) == set(GROUP)
    assert abs(kinds["copy"] - 250) < 39
    assert {e.skill for e in made} == {"b"}


def test_a_difficulty_is_made_of_examples_that_have_it() -> None:
    """Skill a is copies of level 0 and reversals of level 1."""
    chosen = {("copy", 0.0), ("reverse", 1.0)}
    file = SkillFile(
        TASK.name,
        "human",
        (Skill("a"),),
        {e.id: "a" for e in TASK.examples("val") if (e.skill, e.difficulty) in chosen},
    )
    task, rng = Relabelled(TASK, file), _rng()
    for level, kind in {0.0: "copy", 1.0: "reverse"}.items():
        made = [task.make("a", level, rng) for _ in range(20)]
        assert {(e.prompt.partition(":")[0], e.difficulty) for e in made} == {(kind, level)}


def test_a_skill_without_examples_makes_the_task_not_procedural() -> None:
    """Neither can be made for nobody's skill, nor from test."""
    names = {"copy": "a", "reverse": "a"}
    assert not Relabelled(TASK, _file("val", names=names)).is_procedural
    mixed = {e.id: "b" for e in TASK.examples("test")}
    only_test = replace(
        _file("val", names=names), assignments={**_file("val", names=names).assignments, **mixed}
    )
    assert not Relabelled(TASK, only_test).is_procedural
    with pytest.raises(UnsupportedError, match="cannot make examples"):
        Relabelled(TASK, only_test).make("a", None, _rng())
    with pytest.raises(UnknownSkillError, match="copy"):
        Relabelled(TASK, _file("val")).make("copy", None, _rng())


class Particular(ToyTask):
    """A task with everything a task may have, that knows its own skills only."""

    stop = ("\n",)
    brief = Brief("toys", "A toy.", "", "Its answer.")

    def grade(self, example: Example, response: str) -> float:
        self._require(example.skill)
        return super().grade(example, response)

    def grade_all(self, examples: Sequence[Example], responses: Sequence[str]) -> list[float]:
        return [self.grade(e, r) for e, r in zip(examples, responses, strict=True)]

    def verify(self, example: Example) -> float:
        self._require(example.skill)
        return 0.5

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        self._require(skill)
        return Example(f"{skill}: {draft.problem}", draft.answer, skill, difficulty=difficulty)

    def _require(self, skill: str) -> None:
        if skill not in GROUP:
            raise UnknownSkillError(skill)


def test_a_task_is_asked_about_the_skills_that_it_knows() -> None:
    own = Particular()
    task = Relabelled(own, _file("train", "val"))
    syllabus = Syllabus.of(task)
    assert syllabus.brief == own.brief
    assert task.stop == ("\n",)
    val = task.examples("val")
    assert task.grade_all(val, [e.target for e in val]) == [1.0] * len(val)
    assert {syllabus.verify(e) for e in val} == {0.5}
    written = syllabus.compose(Draft("abc", "abc"), "a", 1.0)
    assert written == Example("copy: abc", "abc", "a", difficulty=1.0)
    assert task.grade(written, "abc") == 1


def test_what_a_task_lacks_it_lacks_relabelled() -> None:
    task = Relabelled(TASK, _file("val"))
    assert (task.stop, task.brief) == ((), PLAIN)
    assert Syllabus.of(task).verify(task.examples("val")[0]) == 1


def test_what_is_not_assigned_needs_a_skill_without_subskills() -> None:
    skills = (Skill("other"), Skill("copying", "other"))
    some = SkillFile(TASK.name, "human", skills, {TASK.examples("val")[0].id: "copying"})
    with pytest.raises(ConfigError, match="'other' has subskills"):
        Relabelled(TASK, some)
    every = {e.id: "copying" for split in SPLITS for e in TASK.examples(split)}
    assert Relabelled(TASK, replace(some, assignments=every)).skills == skills


def test_files_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="made for 'other-v0'; the task is 'toy-v0'"):
        Relabelled(TASK, replace(_file("val"), task="other-v0"))
    with pytest.raises(ConfigError, match="assigns none of the examples"):
        Relabelled(TASK, replace(_file("val"), assignments={"nobody": "a"}))

    class Doubled(ToyTask):
        def examples(self, split: Split) -> Sequence[Example]:
            return [replace(e, id=e.id.partition("/")[2]) for e in super().examples(split)]

    with pytest.raises(ConfigError, match="'0' is the id of an example of train and of val"):
        Relabelled(Doubled(), replace(_file("val"), assignments={"0": "a"}))
