"""What is trained for a subskill counts for it, whoever invented it and whoever made the data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.chat.scripted import Scripted
from teachgym.engines import ENGINES
from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.envs.wrappers.skill_tree import SkillTree
from teachgym.evaluation import GenerateAndGrade
from teachgym.forest.proposers import PROPOSERS, propose_fixed
from teachgym.protocols import Task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import EXERCISE, Budget, Exploit, Explore, Provenance, Skill
from tests.example_files import write_examples

ELSEWHERE = {"rephrase", "plan-guided"} | {  # No sentences, nobody who solves, no steps.
    name for name in ENGINES if getattr(ENGINES.load(name), "needs_steps", False)
}
LISTS = {"words": ["palindromes", "short ones", "copy"], "numbers": ["primes", "double", "squares"]}


def chat() -> Scripted:
    """Invents names, and writes exercises of ``copy`` that nobody has seen before."""
    number = count()

    def complete(messages: Any, schema: Any, draw: int) -> str:
        if "new subskills" in messages[1]["content"]:
            return json.dumps({"items": [{"name": f"idea {next(number)}"} for _ in range(3)]})
        words = [f"w{next(number)}x" for _ in range(40)]
        return json.dumps({"items": [{"problem": f"copy: {w}", "answer": w} for w in words]})

    return Scripted(complete)


def make_tree(engine: str, proposer: str, folder: Path) -> SkillTree:
    task = ToyTask()
    # A recording says for whom its examples were made once, which is no matter here.
    made = Provenance(teacher="someone", subskill="primes")
    recorded = [replace(e, source="teacher", provenance=made) for e in task.examples("train")]
    write_examples(folder / "old.jsonl", recorded)
    base = TeacherEnv(
        task,
        TableStudent(half=4),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(Budget(steps=4), examples_per_step=12, pretest=True),
    )
    engines: dict[str, Any] = {
        "replay": {"path": str(folder / "old.jsonl")},
        "llm": {"verify": False},
        "by-order": {"engines": {"procedural": {}, "pool": {}}, "default": "pool"},
    }
    lists = {"lists": LISTS} if proposer == "fixed" else {}
    return SkillTree(
        base,
        ENGINES.make(engine, task, settings=engines.get(engine, {}), chat=chat()),
        PROPOSERS.make(proposer, task, settings=lists, chat=chat()),
        max_subskills=4,
    )


@pytest.mark.sweep(6)
@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ELSEWHERE])
def test_everything_trained_counts_for_the_subskill_it_was_ordered_for(
    engine: str, proposer: str, tmp_path: Path
) -> None:
    env = make_tree(engine, proposer, tmp_path)
    env.reset(seed=0)
    rng, exercises = np.random.default_rng(5), 0
    ordered, trained, asked = (Counter[str]() for _ in range(3))
    for step in range(4):
        roots = [root for root in env.roots if env.forest.known(root)]
        explore = tuple(Explore(root, 2, 3) for root in env.roots)
        exploit = tuple(
            Exploit(r, {s: int(rng.integers(0, 4)) for s in env.forest.known(r)}) for r in roots
        )
        *_, info = env.step(exploit if step % 2 else explore)
        names = {o.subskill or o.skill for o in info["plan"].orders}
        assert names <= {s.name for s in env.forest}
        for example in info["data"]:
            trained[example.provenance.subskill or example.skill] += 1
            exercises += example.kind == EXERCISE
        for prediction in info["pretest"]:
            made = prediction.example.provenance
            asked[made.subskill or prediction.example.skill] += 1
        for order in info["plan"].orders:
            ordered[order.subskill or order.skill] += order.count
    assert sum(trained.values()) >= 8
    assert {s.name: s.taught for s in env.forest if s.taught} == dict(trained)
    assert {s.name: s.answered for s in env.forest if s.answered} == dict(asked)
    assert all(trained[name] <= ordered[name] for name in trained)
    assert sum(s.own.n for s in env.forest) == sum(asked.values()) >= exercises


LINES = {"words": ["rhymes", "copy"], "rhymes": ["limericks"]}


def fixed_tree(task: Task, lists: Mapping[str, list[str]]) -> SkillTree:
    base = TeacherEnv(
        task,
        TableStudent(half=4),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(Budget(steps=4), examples_per_step=12),
    )
    engine = ENGINES.make("procedural", task)
    return SkillTree(base, engine, propose_fixed(task, lists=lists), max_subskills=4)


def test_what_was_found_in_a_step_can_be_explored_in_it() -> None:
    """The step was trained, and then the history did not know the root of the second move."""
    env = fixed_tree(ToyTask(), LINES)
    env.reset(seed=0)
    *_, info = env.step((Explore("words", 1, 2), Explore("rhymes", 1, 3)))
    assert [(s.name, s.parent, s.taught) for s in info["forest"]] == [
        ("rhymes", "", 2),
        ("limericks", "rhymes", 3),
    ]
    assert [e.root for e in info["forest"].history] == ["words", "words"]


class Deep(ToyTask):
    """``copy`` and ``reverse`` have a skill between them and their root."""

    skills = (
        Skill("words"),
        Skill("echoes", "words"),
        *(replace(s, parent="echoes") for s in ToyTask.skills if s.parent == "words"),
        *(s for s in ToyTask.skills if "numbers" in (s.name, s.parent)),
    )


def test_what_is_made_of_the_leaves_of_a_subskill_counts_for_it() -> None:
    """``echoes`` is a skill of the task, and none that examples have."""
    env = fixed_tree(Deep(), {"words": ["echoes"]})
    env.reset(seed=0)
    *_, info = env.step((Explore("words", 1, 4),))
    assert Counter(e.skill for e in info["data"]) == {"copy": 2, "reverse": 2}
    assert [(s.name, s.taught) for s in info["forest"]] == [("echoes", 4)]
