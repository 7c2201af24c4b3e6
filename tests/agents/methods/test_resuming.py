"""What teachers keep from step to step is what their observations and probes tell them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teachgym.experiment import RunConfig, resume, run
from tests.runs.dying import Killed, kill_after

SETTINGS = {
    "student": "simulated",
    "examples_per_step": 40,
    "task_settings": {"train_per_cell": 4, "val_per_cell": 2, "test_per_cell": 1},
}


LOOK_AHEAD = ("smoke-test", "grounded-proposer")
"""What they try costs steps too."""


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("llm2llm", {}),
        ("pgkd", {"exam": 20}),
        ("exam-dpo", {"drafts": 2, "exam": 6}),
        ("ratio-rule", {"tau": 0.5}),
        ("smoke-test", {}),
        ("tailored", {}),
        ("say-self", {"samples": 3}),
        ("uncertainty-proposer", {"problems": 16, "samples": 4}),
        ("grounded-proposer", {"n": 2}),
    ],
)
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(
    name: str, own: dict[str, Any], tmp_path: Path
) -> None:
    env = "teachgym/OpenEnded-v0" if name in ("tailored", "say-self") else "teachgym/SkillList-v0"
    settings = {**SETTINGS, "budget": {"steps": 9 if name in LOOK_AHEAD else 5}}
    config = RunConfig(env=env, teacher=name, env_settings=settings, teacher_settings=own, seed=3)
    with pytest.raises(Killed):
        run(config, tmp_path / "killed", observers=[kill_after(2)])
    resumed, whole = resume(tmp_path / "killed"), run(config, tmp_path / "whole")
    assert resumed.test.after == whole.test.after
    made = [(tmp_path / run / "examples.jsonl").read_bytes() for run in ("killed", "whole")]
    assert made[0] == made[1]
