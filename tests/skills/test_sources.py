"""Skill sources: each takes away exactly what it says, and nothing of test decides anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.envs.assembly import teacher_env
from teachgym.errors import ConfigError
from teachgym.skills.agreement import agreement_with_own
from teachgym.skills.discovery import METHODS, discover_skills
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.skill_file import SkillFile, write_skill_file
from teachgym.skills.sources import find_skills
from teachgym.tasks import make_task
from teachgym.tasks.task import Task
from teachgym.testing import ToyTask, check_task
from teachgym.testing.toy import split_prompt
from teachgym.types import Example, Skill, Split, leaf_skills

TASK = ToyTask(per_cell=10)
SPLITS: tuple[Split, ...] = ("train", "val", "test")
NAMES = ("roots", "one", "opaque", "shuffled", "clusters-4")


@dataclass(frozen=True)
class Listed(Task):
    """A task of the examples that it is given."""

    skills: tuple[Skill, ...]
    train: Sequence[Example] = ()
    val: Sequence[Example] = ()
    test: Sequence[Example] = ()

    name = TASK.name
    levels = TASK.levels

    def examples(self, split: Split) -> Sequence[Example]:
        found: Sequence[Example] = getattr(self, split)
        return found

    def grade(self, example: Example, response: str) -> float:
        return float(response == example.target)


def _toy(*, test: Sequence[Example]) -> Listed:
    """The toy task with other test examples."""
    return Listed(TASK.skills, TASK.examples("train"), TASK.examples("val"), test)


def _examples() -> list[Example]:
    return [example for split in SPLITS for example in TASK.examples(split)]


def _ami(file: SkillFile) -> dict[str, float]:
    """Agreement with the leaves and roots of the toy task."""
    found = agreement_with_own(file.assignments, TASK, _examples())
    return {kind: agreement.ami for kind, agreement in found.items()}


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_a_skill_and_the_task_keeps_its_contract(name: str) -> None:
    """So no skill ``other`` is added that teachers could order."""
    file = find_skills(name, TASK)
    assert set(file.assignments) == {example.id for example in _examples()}
    seen = Relabelled(TASK, file)
    assert seen.skills == file.skills
    assert seen.is_procedural
    check_task(seen)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_the_same_each_time(name: str) -> None:
    assert find_skills(name, ToyTask(per_cell=10)) == find_skills(name, TASK)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_in_test_changes_nothing_of_train_and_val(name: str) -> None:
    """Test turned upside down: the skills and the assignments of the other splits stay."""
    turned = [replace(e, prompt=e.prompt[::-1]) for e in reversed(TASK.examples("test"))]
    file, other = find_skills(name, TASK), find_skills(name, _toy(test=turned[:7]))
    assert file.skills == other.skills
    for split in SPLITS[:2]:
        for example in TASK.examples(split):
            assert file.assignments[example.id] == other.assignments[example.id]


def test_roots_hide_the_leaves() -> None:
    """Two leaves under each root, each with (40 + 10 + 10) examples of both levels."""
    file = find_skills("roots", TASK)
    assert leaf_skills(file.skills) == ("words", "numbers")
    assert file.counts == {"words": 240, "numbers": 240}
    assert _ami(file)["roots"] == 1


def test_one_is_a_single_skill() -> None:
    assert find_skills("one", TASK).counts == {"everything": 480}


def test_opaque_skills_are_the_leaves_without_anything_that_tells() -> None:
    file = find_skills("opaque", TASK)
    assert file.skills == tuple(Skill(f"skill-{n}") for n in (1, 2, 3, 4))
    assert _ami(file)["leaves"] == 1


def test_opaque_names_do_not_follow_the_order_of_the_task() -> None:
    """The same names if the task lists its skills backwards; 32 leaves are not in its order."""
    examples = [TASK.examples(split) for split in SPLITS]
    backwards = Listed(tuple(reversed(TASK.skills)), *examples)
    assert find_skills("opaque", backwards) == find_skills("opaque", TASK)
    task = make_task("arithmetic-and-strings", train_per_cell=1, val_per_cell=1, test_per_cell=1)
    names = find_skills("opaque", task).assignments
    in_order = [names[f"val/{leaf}/0/0"] for leaf in leaf_skills(task.skills)]
    assert sorted(in_order) == [f"skill-{n:02}" for n in range(1, 33)]
    places = np.array([int(name[-2:]) for name in in_order])
    assert abs(np.corrcoef(places, np.arange(32))[0, 1]) < 0.5


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((None, 0.0, 1.0))), min_size=1))
def test_a_shuffle_keeps_the_count_of_each_skill_at_each_difficulty(
    cells: list[tuple[str, float | None]],
) -> None:
    examples = [Example(f"{n}", "", s, f"{n}", difficulty=d) for n, (s, d) in enumerate(cells)]
    half = len(examples) // 2
    parts = (examples[:half], examples[half:])
    file = find_skills("shuffled", Listed(tuple(map(Skill, "abc")), *parts))
    for part in parts:
        before = Counter((e.skill, e.difficulty) for e in part)
        assert Counter((file.skill_of(e), e.difficulty) for e in part) == before


def test_shuffled_skills_keep_their_names_and_lose_their_meaning() -> None:
    """One skill in four is kept by chance: 480 / 4 = 120, deviation sqrt(480 * 3/16) = 9.5."""
    file = find_skills("shuffled", TASK)
    assert file.skills == TASK.skills
    assert abs(_ami(file)["leaves"]) < 0.02
    kept = sum(file.assignments[example.id] == example.skill for example in _examples())
    assert abs(kept - 120) < 4 * 9.5


def test_what_is_made_for_a_shuffled_skill_is_a_mixture_at_the_wanted_level() -> None:
    """Own skills come as often as among the skill's examples of train and val at that level.

    50 examples; 1,000 draws with share p deviate by sqrt(1000 p (1 - p)), at most 15.8: four of
    them. Under its own name, the falsifier, a skill is made of itself alone.
    """
    file = find_skills("shuffled", TASK)
    own = Counter(
        e.skill
        for split in SPLITS[:2]
        for e in TASK.examples(split)
        if file.skill_of(e) == "next" and e.difficulty == 1.0
    )
    assert own.total() == 50
    drawn = _drawn(Relabelled(TASK, file), "next")
    assert set(drawn) == {"copy", "reverse", "next", "double"}
    for skill, count in own.items():
        assert abs(drawn[skill] - 1000 * count / 50) < 4 * 15.8
    gold = discover_skills(METHODS.make("gold", task=TASK), TASK, method="gold", splits=SPLITS)
    assert _drawn(Relabelled(TASK, gold), "next") == {"next": 1000}


def _drawn(task: Relabelled, skill: str) -> Counter[str]:
    """Own skills of 1,000 examples made for a skill at level 1.0, read off their prompts."""
    rng = np.random.default_rng(0)
    made = [task.make(skill, 1.0, rng) for _ in range(1000)]
    assert {(e.skill, e.difficulty) for e in made} == {(skill, 1.0)}
    return Counter(split_prompt(e.prompt)[0] for e in made)


def test_clusters_are_those_of_the_command_and_test_joins_them() -> None:
    discovery = METHODS.make("clusters", settings={"skills": 4}, task=TASK)
    found = discover_skills(discovery, TASK, method="clusters", splits=("train", "val"))
    file = find_skills("clusters-4", TASK)
    assert file.skills == found.skills
    assert found.assignments.items() <= file.assignments.items()
    assert _ami(file)["leaves"] > 0.9


def test_a_file_is_read_and_a_name_wins_over_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = SkillFile(TASK.name, "human", (Skill("mine"),), {"val/0": "mine"})
    for path in ("skills.json", "one", "skills.txt"):
        write_skill_file(Path(path), mine)
        assert find_skills(f"./{path}", TASK) == mine
    assert find_skills("skills.txt", TASK) == mine
    assert find_skills("one", TASK).method == "one"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("shufled", "Did you mean 'shuffled'"),
        ("clusters-many", "clusters-N, one, opaque, roots, shuffled, or the path of a skill file"),
        ("clusters-1", "skills is 1; it must be 2 or more"),
        ("clusters-9999", "9999 skills cannot be told apart"),
        ("missing.json", "missing.json cannot be read"),
        ("", "unknown skill source ''"),
        (
            7,
            r"skills is 7; .* one, opaque, shuffled, clusters-N, module:attribute, .* or the path",
        ),
        (["one"], "skills is .'one'."),
        (False, "skills is False"),
    ],
)
def test_what_is_no_source_is_refused_with_what_there_is(source: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        find_skills(source, TASK)


def test_an_environment_takes_no_empty_source_for_none() -> None:
    few = {"val_per_cell": 1, "test_per_cell": 1}
    with pytest.raises(ConfigError, match="unknown skill source ''"):
        teacher_env(student="simulated", task_settings=few, skills="")
