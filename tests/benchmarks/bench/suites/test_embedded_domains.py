"""The paper's agents offline: every arm of a domain's embedded suite comes to its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.runner import check_arms
from teachgym.benchmarks.bench.suites import SUITES, make_suite
from teachgym.benchmarks.bench.suites.structure import PLACES
from teachgym.experiment import run
from tests.sandbox.walls import sandbox_or_skip

NAMES = [name for name in SUITES.names if name.endswith("-embedded")]
SMALL = {
    "student": "simulated",
    "task_settings": {"train_per_cell": 2, "val_per_cell": 1, "test_per_cell": 1},
    "examples_per_step": 44,
    "budget": {"steps": 1, "examples": 44},
    "trainer_settings": {},
}


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_papers_agents_and_controls_and_budget_or_rehearses(name: str) -> None:
    suite = make_suite(name)
    check_arms(suite)
    paper = make_suite(name.removesuffix("-embedded"))
    agents = [place.arm_name(state=state) for place in PLACES for state in (False, True)]
    assert [arm.name for arm in suite.arms if not arm.control] == agents
    assert {arm.name for arm in paper.arms if not arm.control} <= set(agents)
    assert [arm.name for arm in suite.arms if arm.control] == [
        *("no-data", "real-data", "uniform", "weakest", "alp", "oracle")
    ]
    if "rehearsal" in suite.env_settings:
        sizes = {"tool-plans": 40, "programs": 300, "word-problems": 600}
        assert suite.env_settings["examples_per_step"] == sizes[suite.env_settings["task"]]
        assert suite.version == 3
        return
    for setting in ("training", "examples_per_step", "budget"):
        assert suite.env_settings[setting] == paper.env_settings[setting]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if "-tools-" in n else [pytest.mark.slow]) for n in NAMES]
)
def test_the_scripted_teacher_teaches_in_every_environment(name: str, tmp_path: Path) -> None:
    """A step of 44; of programs the gate finds some too near to held-out ones."""
    if "-code-" in name:
        sandbox_or_skip()
    arms = ("open-ended-with-state", "skill-list-with-state", "skill-tree-with-state")
    suite = make_suite(name).changed(SMALL).narrowed(seeds=1)
    settings = {k: v for k, v in suite.env_settings.items() if k != "trainer_settings"}
    for cell in replace(suite, env_settings=settings).cells():
        if cell.arm.name in arms:
            result = run(cell.config, tmp_path / cell.arm.name)
            assert result.spent.examples > 30, cell.arm.name
            assert sum(result.rejected.values()) <= 6
