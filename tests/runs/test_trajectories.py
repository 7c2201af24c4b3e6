"""Calls, steps and rewards as rows that trainers of language models read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import RunError, TeachgymError
from teachgym.experiment import RunConfig, run
from teachgym.runs import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.trajectories import export_trajectories

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 60,
    "budget": {"steps": 8},
}


def words(messages: Any, schema: Any, draw: int) -> str:
    skill = ("add", "first", "rev", "down", "last")[draw % 5]
    return json.dumps({"items": [{"skill": skill, "count": 20 + draw % 40}]})


def made(
    folder: Path, teacher: str, *, stop: bool = False, steps: int = 8, **settings: Any
) -> RunFolder:
    chat = {"provider": "python", "model": f"{__name__}:words"}
    config = RunConfig(
        env="teachgym/SkillList-v0",
        teacher=teacher,
        teacher_settings=settings,
        env_settings={**SETTINGS, "stop": stop, "budget": {"steps": steps}},
        chat=chat if "llm" in teacher else {},
        seed=2,
    )
    run(config, folder)
    return RunFolder.open(folder)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made(tmp_path_factory.mktemp("runs") / "grouped", "llm-best-of-n", n=4)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made(tmp_path_factory.mktemp("runs") / "plain", "llm-text")


def rows_of(out: Path, name: str) -> list[dict[str, Any]]:
    lines = (out / "data" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_call_has_the_reward_of_its_step(plain: RunFolder, tmp_path: Path) -> None:
    out = export_trajectories(plain, tmp_path / "out")
    steps = Journal(plain.journal).steps
    assert len(steps) == 8
    rewards = [line["reward"] for line in steps]
    for i, (line, row) in enumerate(zip(steps, rows_of(out, "sft"), strict=True)):
        assert row["messages"][-1] == {"role": "assistant", "content": line["action"][0]}
        seen = steps[i - 1]["observation"] if i else Journal(plain.journal).lines[0]["observation"]
        assert row["messages"][-2]["content"] == seen[0].strip()
        assert (row["step"], row["reward"]) == (i + 1, line["reward"])
        assert row["return"] == pytest.approx(sum(rewards[i:]))
    assert [row["reward"] for row in rows_of(out, "grpo")] == rewards
    assert not (out / "data" / "dpo.jsonl").exists()


def test_a_group_gives_rewards_advantages_and_a_pair(grouped: RunFolder, tmp_path: Path) -> None:
    """Two steps of four replies each: eight steps of the budget."""
    out = export_trajectories(grouped, tmp_path / "out")
    steps = Journal(grouped.journal).steps
    assert len(steps) == 2
    chosen = rows_of(out, "sft")
    assert [row["messages"][-1]["content"] for row in chosen] == [s["action"][0] for s in steps]
    grpo = rows_of(out, "grpo")
    pairs = {row["step"]: row for row in rows_of(out, "dpo")}
    for line in steps:
        (probe,) = line["probes"]
        own = [row for row in grpo if row["step"] == line["step"]]
        assert [row["reward"] for row in own] == probe["rewards"]
        assert sum(row["advantage"] for row in own) == pytest.approx(0, abs=1e-9)
        assert len({row["group"] for row in own}) == 1
        low, high = min(probe["rewards"]), max(probe["rewards"])
        if high > low:
            pair = pairs[line["step"]]
            assert pair["margin"] == pytest.approx(high - low)
            best = probe["actions"][probe["rewards"].index(high)]
            assert json.loads(pair["chosen"][0]["content"]) is not None
            assert probe["rewards"][probe["actions"].index(best)] == high
            assert pair["prompt"] == own[0]["prompt"]
    assert pairs


@pytest.mark.parametrize(("steps", "tried"), [(9, 0), (10, 2)])
def test_replies_that_were_neither_made_nor_tried_have_no_reward(
    tmp_path: Path, steps: int, tried: int
) -> None:
    """Four replies to each of three questions; the budget pays for none or two of the last four."""
    run_folder = made(tmp_path / "run", "llm-best-of-n", n=4, steps=steps)
    lines = Journal(run_folder.journal).steps
    assert [len(line["calls"]) for line in lines] == [4, 4, 4]
    out = export_trajectories(run_folder, tmp_path / "out")
    chosen = rows_of(out, "sft")
    assert [row["messages"][-1]["content"] for row in chosen] == [s["action"][0] for s in lines]
    last = [row for row in rows_of(out, "grpo") if row["step"] == 3]
    assert len(last) == max(tried, 1)
    assert max(row["reward"] for row in last) == lines[2]["reward"]
    assert all((row["group"] is None) == (tried == 0) for row in last)


def test_a_group_is_the_same_where_the_teacher_may_end_the_episode(
    grouped: RunFolder, tmp_path: Path
) -> None:
    stoppable = made(tmp_path / "run", "llm-best-of-n", stop=True, n=4)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    export_trajectories(grouped, ours)
    export_trajectories(stoppable, theirs)
    for name in ("sft", "grpo", "dpo"):
        assert rows_of(theirs, name) == rows_of(ours, name)


def test_datasets_opens_what_was_exported(
    grouped: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = export_trajectories(grouped, tmp_path / "out", license="cc0-1.0")
    for name, columns in (
        ("sft", {"messages", "step", "reward", "return"}),
        ("dpo", {"prompt", "chosen", "rejected", "margin", "noise", "step"}),
        ("grpo", {"prompt", "completion", "step", "terminated", "reward", "group", "advantage"}),
    ):
        cache = str(tmp_path / "cache")
        loaded = datasets.load_dataset(str(out), name, cache_dir=cache, split="train")
        assert set(loaded.column_names) == columns
        assert len(loaded) == len(rows_of(out, name))
    card = (out / "README.md").read_text(encoding="utf-8")
    assert 'license: "cc0-1.0"' in card
    assert "llm-best-of-n" in card


def test_a_run_without_calls_and_a_missing_record_are_told(
    plain: RunFolder, tmp_path: Path
) -> None:
    quiet = made(tmp_path / "quiet", "uniform")
    with pytest.raises(RunError, match="has no calls of chat models"):
        export_trajectories(quiet, tmp_path / "out")
    copy = RunFolder(Path(shutil.copytree(plain.path, tmp_path / "copy")))
    copy.chat.unlink()
    with pytest.raises(TeachgymError, match=r"chat\.sqlite"):
        export_trajectories(copy, tmp_path / "out")
