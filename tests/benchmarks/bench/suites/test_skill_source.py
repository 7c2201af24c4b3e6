"""The suite ``skill-source``: the same teacher and budget, other skills."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.jobs import attempt
from teachgym.benchmarks.bench.leaderboard import stand
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import read_results, run_suite
from teachgym.benchmarks.bench.suites.skill_source import COMPARED, skill_source
from teachgym.benchmarks.bench.suites.suite import Suite
from teachgym.errors import ConfigError
from teachgym.experiment import check_config
from teachgym.skills.skill_file import SkillFile, write_skill_file
from teachgym.tasks import make_task
from teachgym.types import Skill, leaf_skills, root_skills

FEW = {"train_per_cell": 2, "val_per_cell": 1, "test_per_cell": 1}
SHORT = {
    "student": "simulated",
    "task_settings": FEW,
    "budget": {"steps": 2, "examples": 192},
    "examples_per_step": 96,
}


def test_each_arm_differs_from_its_gold_arm_in_its_skills_alone() -> None:
    suite = skill_source()
    arms = {arm.name: arm for arm in suite.arms}
    assert len(arms) == 2 * len(COMPARED)
    for arm in arms.values():
        gold = arms[f"{arm.teacher}-gold"]
        assert suite.compared(arm) == ("uniform-gold" if arm == gold else gold.name)
        assert set(arm.env_settings) == {"skills"}
        assert arm.teacher_settings == gold.teacher_settings == {}
    assert Suite.of(json.loads(json.dumps(suite.to_json()))) == suite
    for cell in suite.cells()[: len(arms)]:
        check_config(cell.config)


def test_the_numbers_of_clusters_are_those_of_the_leaves_and_roots_of_the_task() -> None:
    skills = make_task("arithmetic-and-strings").skills
    numbers = {len(leaf_skills(skills)), len(root_skills(skills))}
    assert {f"clusters-{n}" for n in numbers} <= set(COMPARED)


def test_arms_run_to_their_end_at_the_same_budget(tmp_path: Path) -> None:
    """192 examples each, in two steps of 96; the arm of a skill file of one's own too."""
    file = tmp_path / "own.json"
    task = make_task("arithmetic-and-strings", **FEW)
    assigned = {e.id: "mine" for split in ("train", "val") for e in task.examples(split)}
    write_skill_file(file, SkillFile(task.name, "human", (Skill("mine"),), assigned))
    suite = skill_source({**COMPARED, "own": str(file)}).changed(SHORT)
    suite = suite.narrowed(("alp-shuffled", "alp-clusters-7", "alp-own"), seeds=1)
    assert len(list(run_suite(suite, tmp_path / "bench", partial(map, attempt)))) == 5
    results = read_results(suite, tmp_path / "bench")
    assert {result.spent.examples for result in results.values()} == {192}
    compared = {line.arm: line.reference for line in stand(suite, outcomes_of(results))}
    assert compared == {arm.name: suite.compared(arm) for arm in suite.arms}


def test_without_gold_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(ConfigError, match="uniform-gold"):
        skill_source({"roots": "roots"})
