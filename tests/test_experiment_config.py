"""What is wrong with a configuration is said before a student is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError, TeachgymError, UnknownNameError
from teachgym.experiment import RunConfig, check_config


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"task": "gsm9k"}, UnknownNameError, "Did you mean 'gsm8k'"),
        ({"student": "tiyn"}, UnknownNameError, "Did you mean 'tiny'"),
        ({"student": "/no/such/model"}, UnknownNameError, "unknown student '/no/such/model'"),
        ({"student": "./model"}, UnknownNameError, "or a path or hub id of a model"),
        ({"student": ""}, UnknownNameError, "unknown student ''"),
        ({"engine": "procedual"}, UnknownNameError, "Did you mean 'procedural'"),
        ({"reward": "gain"}, UnknownNameError, "unknown reward 'gain'"),
        ({"prices": {"examples": 0.1}}, ConfigError, "use reward='cost_adjusted'"),
        ({"budget": {"step": 3}}, ConfigError, "Did you mean 'steps'"),
        ({"budget": {"examples": 3}}, ConfigError, "add a limit of steps or seconds"),
        ({"pretest": "yes"}, ConfigError, "pretest is 'yes'; it must be true or false"),
        ({"examples_per_step": 0}, ConfigError, "examples_per_step is 0"),
        ({"training": "scrach"}, ConfigError, "Did you mean 'scratch'"),
        ({"replay": 3}, ConfigError, "replay is 3"),
        ({"target_accuracy": "a"}, ConfigError, "target_accuracy is 'a'; it must be a number"),
        ({"gate_settings": {"ngramm": 3}}, ConfigError, "Did you mean 'ngram'"),
        ({"gate_settings": {"max_prompt_chars": "a"}}, ConfigError, "it must be an integer"),
        ({"skills": "rots"}, ConfigError, "Did you mean 'roots'"),
        ({"stress": {"wrong_label": 0.3}}, ConfigError, "Did you mean 'wrong_labels'"),
        ({"stress": {"wrong_labels": 3}}, ConfigError, r"it must be in \[0, 1\]"),
        (
            {"stress": {"forgetting": 0.1}, "training": "scratch"},
            ConfigError,
            "use training='continue'",
        ),
    ],
)
def test_wrong_settings_are_named(
    settings: dict[str, Any], kind: type[TeachgymError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        check_config(RunConfig(env_settings=settings))


def test_environments_are_named_in_full() -> None:
    with pytest.raises(UnknownNameError, match="'teachgym/SkillList-v0'"):
        check_config(RunConfig(env="SkillList"))


@pytest.mark.parametrize("student", ["simulated", "tiny", "gpt2", "HuggingFaceTB/SmolLM2-135M"])
def test_students_of_the_hub_may_be_anything_that_looks_like_an_id(student: str) -> None:
    check_config(RunConfig(env_settings={"student": student}))


def test_a_path_that_exists_may_be_a_student(tmp_path: Path) -> None:
    check_config(RunConfig(env_settings={"student": str(tmp_path)}))
