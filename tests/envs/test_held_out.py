"""What is held out can be neither ordered nor seen, and is measured once, on test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.benchmarks.bench.measures import Measures
from teachgym.envs.held_out import HeldOut, HeldOutTask
from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, run
from teachgym.gate import Gate
from teachgym.protocols import Task
from teachgym.tasks import make_task
from teachgym.types import leaf_skills

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 2, "examples": 80},
}
HELD_OUT = {"skills": ("copy", "add"), "levels": (1.0,)}


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)


def test_only_test_has_what_is_held_out(task: Task) -> None:
    view = HeldOutTask(task, HeldOut(**HELD_OUT))
    assert view.examples("test") == task.examples("test")
    for split in ("train", "val"):
        seen = {(e.skill, e.difficulty) for e in view.examples(split)}
        kept = {(e.skill, e.difficulty) for e in task.examples(split)}
        assert seen == {
            (s, level) for s, level in kept if s not in HELD_OUT["skills"] and level < 1
        }
    assert set(leaf_skills(task.skills)) - set(leaf_skills(view.skills)) == {"copy", "add"}
    assert list(view.levels) == [level for level in task.levels if level < 1]


def test_what_is_made_is_of_a_level_that_is_left(task: Task) -> None:
    view = HeldOutTask(task, HeldOut(levels=(1.0,)))
    assert view.make("swap", 1.0, np.random.default_rng(0)).difficulty == max(view.levels)


def test_the_gate_lets_no_example_of_a_skill_that_is_held_out_pass(task: Task) -> None:
    view = HeldOutTask(task, HeldOut(skills=("copy",)))
    made = [task.make(skill, 0.5, np.random.default_rng(5)) for skill in ("copy", "swap")]
    result = Gate(view).inspect(made)
    assert [e.skill for e in result.accepted] == ["swap"]


def test_a_seed_chooses_a_share_of_the_skills(task: Task) -> None:
    """A quarter of 32."""
    views = [HeldOutTask(task, HeldOut(skills=0.25, seed=seed)) for seed in (0, 0, 1)]
    first, again, other = (set(leaf_skills(view.skills)) for view in views)
    assert len(first) == 24
    assert first == again != other


def test_what_would_leave_nothing_or_is_unknown_is_refused(task: Task) -> None:
    with pytest.raises(ConfigError, match="held_out leaves 0 of 32 skills"):
        HeldOutTask(task, HeldOut(skills=1.0))
    with pytest.raises(ConfigError, match="held_out leaves none of the 1 items of val"):
        gym.make("teachgym/SkillList-v0", **SMALL, limit=1, held_out={"levels": [0.0]})
    with pytest.raises(ConfigError, match="level that is held out"):
        HeldOutTask(task, HeldOut(levels=(0.3,)))
    with pytest.raises(ConfigError, match="skill"):
        gym.make("teachgym/SkillList-v0", **SMALL, held_out={"skills": ["none such"]})


@pytest.mark.sweep(1)
@pytest.mark.parametrize("teacher", ["uniform", "alp"])
def test_a_run_measures_what_spread_to_it(teacher: str, tmp_path: Path) -> None:
    held_out = {"skills": list(HELD_OUT["skills"]), "levels": [1.0]}
    config = RunConfig("teachgym/SkillList-v0", {**SMALL, "held_out": held_out}, teacher)
    result = run(config, tmp_path / "run")
    assert set(result.test.skills_after) - set(result.val.skills_after) == {"copy", "add"}
    assert set(result.test.levels_after) - set(result.val.levels_after) == {"1"}
    assert not {"copy", "add"} & set(result.taught)
    own = [
        result.test.skills_after[s].mean - result.test.skills_before[s].mean
        for s in held_out["skills"]
    ]
    measures = Measures.of(result)
    assert measures.held_out_skills == pytest.approx(sum(own) / 2)
    assert np.isfinite(measures.held_out_levels)
