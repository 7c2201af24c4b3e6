"""``teachgym discover``: what it writes, what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from teachgym.cli.commands import app
from teachgym.skills.relabelled import Relabelled
from teachgym.skills.skill_file import read_skill_file
from teachgym.tasks import make_task

SMALL = ["--set", "task.val_per_cell=1"]
"""96 examples: 32 skills at 3 levels."""


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["discover", *SMALL, *arguments])


def test_clusters_are_written_shown_and_compared(tmp_path: Path) -> None:
    out = tmp_path / "skills.json"
    result = _invoke("--skills", "3", "--out", str(out))
    assert result.exit_code == 0, result.output
    file = read_skill_file(out)
    assert len(file.skills) == 3
    assert sum(file.counts.values()) == 96
    assert "3 skills of arithmetic-and-strings-v0" in result.output
    assert "agreement with the task's own leaves: AMI 0." in result.output
    assert "(n=96)" in result.output
    assert "spent" not in result.output
    again = f"--set task_settings.val_per_cell=1 --set skills={out}"
    assert again in result.output
    Relabelled(make_task("arithmetic-and-strings", val_per_cell=1), file)


def test_gold_skills_agree_fully_with_the_tasks_own(tmp_path: Path) -> None:
    out = tmp_path / "gold.json"
    result = _invoke("--method", "gold", "--out", str(out))
    assert "own leaves: AMI 1.000 (n=96)" in result.output
    assert len(read_skill_file(out).skills) == 7 + 32


def test_other_splits_are_read_when_they_are_named(tmp_path: Path) -> None:
    out = tmp_path / "gold.json"
    splits = ["--split", "test", "--split", "val", "--set", "task.test_per_cell=1"]
    assert _invoke("--method", "gold", "--out", str(out), *splits).exit_code == 0
    ids = read_skill_file(out).assignments
    assert {id_.partition("/")[0] for id_ in ids} == {"val", "test"}


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "skills.json"
    out.write_text("mine")
    result = _invoke("--out", str(out))
    assert result.exit_code == 2
    assert "exists; remove it" in result.output
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "cluster"], "unknown method 'cluster'. Did you mean 'clusters'"),
        (["--split", "vall"], "unknown split 'vall'. Did you mean 'val'"),
        (["--budget", "dollar=1"], "unknown currency 'dollar'. Did you mean 'dollars'"),
        (["--method", "llm"], "asks a chat model and none is given"),
        (["--method", "llm", "--chat", "openai"], "model is empty"),
        (["--set", "colour=red"], "colour"),
        (["--labels", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "skills.json"
    result = _invoke("--out", str(out), *arguments)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert message in result.output
    assert not out.exists()


def test_a_recorded_discovery_is_replayed_without_a_server(tmp_path: Path) -> None:
    """Record by a scripted model under the identity of the settings; then replay by command."""
    from teachgym.chat.cache import Recorded
    from teachgym.chat.settings import ChatSettings
    from teachgym.skills.discovery import METHODS, discover_skills
    from tests.skills.by_prompt import ByPrompt, listed, numbered, problems, reply

    def group(messages: object, draw: int) -> str:
        members = listed(messages)  # type: ignore[arg-type]
        return reply([{"name": "everything", "description": "All.", "members": members}])

    model = ByPrompt(
        {
            "label": lambda m, d: numbered([p.split()[0] for p in problems(m)]),
            "aggregate": group,
        }
    )
    store, out = tmp_path / "chat.sqlite", tmp_path / "skills.json"
    settings = ChatSettings(model="gpt-none", cache="record", store=str(store))
    chat = Recorded(model.chat(), store, "record", identity=settings.identity)
    task = make_task("arithmetic-and-strings", val_per_cell=1)
    discover_skills(
        METHODS.make("llm", settings={"skills": 1}, task=task, chat=chat), task, method="llm"
    )
    replayed = ["--chat", "openai", "--chat-model", "gpt-none", "--chat-cache", "replay"]
    result = _invoke(
        "--method", "llm", "--skills", "1", *replayed, "--chat-store", str(store), "--out", str(out)
    )
    assert result.exit_code == 0, result.output
    # 96 examples, 10 to a question, and one question to group.
    assert "spent: 11 calls" in result.output
    assert json.loads(out.read_text())["skills"][0]["name"] == "everything"
