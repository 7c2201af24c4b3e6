"""Ten runs that were recorded once come out the same to the digit, whatever was rebuilt since.

A change that is meant to change results records them anew, in a commit that says why::

    python tests/runs/test_recorded_runs.py
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from teachgym.experiment import RunConfig, run
from teachgym.records import read_examples
from teachgym.runs import RunFolder

RECORDED = Path(__file__).parents[1] / "data" / "recorded_runs.json"

SIMULATED = {"student": "simulated", "examples_per_step": 120, "budget": {"steps": 4}}
TINY = {
    "student": "tiny",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 2},
    "examples_per_step": 60,
    "budget": {"steps": 2},
    "reuse_answers": False,
}
PREPARED = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 8},
    "budget": {"steps": 3, "examples": 200},
}
STRESS = {"wrong_labels": 0.2, "grader_noise": 0.1, "unlearnable": 0.3, "forgetting": 0.05}
PRICED = {"examples": 0.001, "steps": 0.01}

CONFIGS: dict[str, dict[str, Any]] = {
    "list-weakest": {"env_settings": SIMULATED},
    "list-exp3s": {"env_settings": SIMULATED, "teacher": "exp3s", "seed": 3},
    "list-alp-gmm-stressed": {
        "env_settings": {**SIMULATED, "stress": STRESS},
        "teacher": "alp-gmm",
        "seed": 1,
    },
    "list-thompson-scratch": {
        "env_settings": {**SIMULATED, "training": "scratch", "patience": 2, "pretest": True},
        "teacher": "thompson",
    },
    "list-oracle-priced": {
        "env_settings": {**SIMULATED, "reward": "cost_adjusted", "prices": PRICED},
        "teacher": "oracle",
    },
    "tree-random": {
        "env": "teachgym/SkillTree-v0",
        "env_settings": SIMULATED,
        "teacher": "random-tree",
        "seed": 2,
    },
    "open-pool": {
        "env": "teachgym/OpenEnded-v0",
        "env_settings": {**SIMULATED, **PREPARED},
        "teacher": "pool",
        "seed": 4,
    },
    "list-alp-tiny": {"env_settings": TINY, "teacher": "alp", "seed": 5},
    "list-weakest-tiny-replay": {
        "env_settings": {**TINY, "replay": 0.25, "trainer_settings": {"epochs": 2}},
        "seed": 6,
    },
    "tree-threshold-tiny": {
        "env": "teachgym/SkillTree-v0",
        "env_settings": TINY,
        "teacher": "threshold",
        "seed": 7,
    },
}


def outcome(config: RunConfig, folder: Path) -> dict[str, Any]:
    """What a run came to: its figures, and a digest of every text that was trained on."""
    result = run(config, folder)
    texts = [[e.skill, e.prompt, e.target] for e in read_examples(RunFolder(folder).examples)]
    return {
        "curve": [score.mean for score in result.curve],
        "return": result.return_,
        "stop_reason": result.stop_reason,
        "test_before": result.test.before.mean,
        "test_after": result.test.after.mean,
        "skills_after": {name: s.mean for name, s in result.test.skills_after.items()},
        "spent": {
            "examples": result.spent.examples,
            "train_tokens": result.spent.train_tokens,
            "generated_tokens": result.spent.generated_tokens,
        },
        "rejected": dict(result.rejected),
        "examples": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
    }


FAST = ("list-alp-tiny", "open-pool", "tree-random")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FAST else [pytest.mark.slow]) for n in CONFIGS]
)
def test_a_recorded_run_repeats_to_the_digit(name: str, tmp_path: Path) -> None:
    assert (
        outcome(RunConfig(**CONFIGS[name]), tmp_path / "run")
        == json.loads(RECORDED.read_text())[name]
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TEACHGYM_CACHE"] = folder
        runs = {n: outcome(RunConfig(**c), Path(folder) / n) for n, c in CONFIGS.items()}
    RECORDED.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n")
