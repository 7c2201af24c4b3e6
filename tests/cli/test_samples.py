"""Every sample is a run that can be made, and says all that it sets."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from teachgym.cli import app
from teachgym.cli.samples import SAMPLES, read_sample
from tests.chat.loopback import serve
from tests.chat.teaching_server import teach
from tests.cli.undrawn import draw_nothing
from tests.students.models import make_model, make_tokenizer
from tests.tasks.math_files import gsm8k_folder

QUICK = ("--steps=1", "--examples-per-step=4", "--limit=8", "--quiet", "--out=run")
MODELS = {"hugging-face", "gsm8k"}
"""Samples whose student comes from a hub; here it is a small one with drawn weights."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw_nothing(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", "none")


def command(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)


def test_all_samples_are_listed_with_what_they_are_for() -> None:
    said = command("samples").output
    assert len(SAMPLES) >= 7
    for name, meaning in SAMPLES.items():
        assert meaning.endswith(".")
        assert f"{name:16}{meaning}" in said
    assert "Did you mean 'first'" in command("samples", "frist").stderr


def run_sample(name: str, *more: str) -> Result:
    """Print a sample into a file and run that, with limits."""
    Path("run.toml").write_text(command("samples", name).output)
    return command("run", "--config=run.toml", *QUICK, *more)


def model_options(name: str) -> list[str]:
    make_model(max_position_embeddings=1024).save_pretrained("model")
    make_tokenizer().save_pretrained("model")
    options = ["--student=model"]
    if name == "gsm8k":
        pytest.importorskip("math_verify")
        folder = gsm8k_folder(Path("gsm8k"))
        options += [f"--set=task_settings.path={folder}", "--set=task_settings.val_size=4"]
    return options


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"chat-teacher"}))
def test_a_sample_can_be_run(name: str) -> None:
    outcome = run_sample(name, *(model_options(name) if name in MODELS else ()))
    assert outcome.exit_code == 0, outcome.stderr
    config = json.loads(Path("run/config.json").read_text())["config"]
    written = tomllib.loads(read_sample(name))
    assert config["teacher"] == written["teacher"]
    assert config["env_settings"]["limit"] == 8
    untouched = written["env_settings"].keys() - {
        *("budget", "examples_per_step", "limit", "student", "student_settings", "task_settings")
    }
    for key in untouched:
        assert config["env_settings"][key] == written["env_settings"][key]


def test_the_sample_with_a_chat_model_can_be_run_against_a_server() -> None:
    pytest.importorskip("openai")
    with serve(teach) as server:
        outcome = run_sample("chat-teacher", "--student=simulated", f"--chat-base-url={server.url}")
    assert outcome.exit_code == 0, outcome.stderr
