"""The JSON schema of a run's file and the complete run.toml say all that is declared."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from teachgym import ENV_IDS
from teachgym.chat.settings import ChatSettings
from teachgym.cli import app
from teachgym.cli.run_file import run_schema, run_toml, texts
from teachgym.envs import EnvConfig
from teachgym.envs.config import CONFIGS
from teachgym.experiment import check_config
from teachgym.gate import GateSettings
from teachgym.runs.config import RunConfig, read_config
from teachgym.runs.retention import Keep
from teachgym.types import Budget

CLASSES = (RunConfig, EnvConfig, GateSettings, ChatSettings, Keep, *CONFIGS.values())


@pytest.mark.parametrize("id_", ENV_IDS)
def test_the_toml_holds_the_defaults_of_every_setting(id_: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(run_toml(id_))
    config = RunConfig.of(read_config(path))
    assert config.env == id_
    assert CONFIGS[id_].of(config.env_settings) == CONFIGS[id_]()
    assert Keep.of(config.keep) == Keep()
    names = {line.lstrip("# ").split(" =")[0] for line in path.read_text().splitlines()}
    tables = {line.strip("# []").rpartition(".")[2] for line in path.read_text().splitlines()}
    for kind in (RunConfig, CONFIGS[id_], GateSettings, ChatSettings, Budget, Keep):
        assert {field.name for field in fields(kind)} <= names | tables


@pytest.mark.parametrize("id_", ENV_IDS)
def test_the_run_of_the_toml_is_one_that_can_be_made(id_: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(run_toml(id_))
    check_config(RunConfig.of(read_config(path)))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_setting_has_a_text(kind: type) -> None:
    told = texts(kind)
    assert [f.name for f in fields(kind) if not told[f.name]] == []  # type: ignore[arg-type]


def test_the_schema_has_ranges_defaults_and_no_other_keys() -> None:
    schema = run_schema("teachgym/SkillTree-v0")
    own = schema["properties"]["env_settings"]
    assert schema["additionalProperties"] is own["additionalProperties"] is False
    assert own["properties"]["replay"]["exclusiveMaximum"] == 1
    assert own["properties"]["max_subskills"]["default"] == 8
    assert schema["properties"]["seed"]["minimum"] == 0


@pytest.mark.parametrize("options", [[], ["--toml"], ["--env", "OpenEnded", "--toml"]])
def test_the_command_prints_them(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["schema", *options])
    assert result.exit_code == 0
    read: Any = tomllib.loads if "--toml" in options else json.loads
    assert "env_settings" in str(read(result.output))
