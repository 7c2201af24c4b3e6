"""What is written of a step is what is read of it, for every registered environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import data_equivalence

import teachgym  # noqa: F401
from teachgym.errors import RunError
from teachgym.runs import Journal
from teachgym.runs.journal import describe_step, from_jsonable, recall_step, to_jsonable
from teachgym.types import Transition

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 10,
}
VIEWS = [
    ("teachgym/OpenEnded-v0", "report"),
    ("teachgym/OpenEnded-v0", "text"),
    ("teachgym/SkillList-v0", "arrays"),
    ("teachgym/SkillList-v0", "flat"),
    ("teachgym/SkillTree-v0", "arrays"),
    ("teachgym/SkillTree-v0", "flat"),
]


def through_a_file(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(("id_", "view"), VIEWS)
def test_a_transition_comes_back_as_it_was(id_: str, view: str) -> None:
    env = gym.make(id_, observation=view, **SMALL)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    action = env.action_space.sample()
    following, reward, terminated, truncated, info = env.step(action)
    lived = Transition(
        observation, action, float(reward), following, terminated, truncated, dict(info)
    )
    line = through_a_file(describe_step(env, lived))
    recalled = recall_step(env, observation, action, line)
    assert env.observation_space.contains(recalled.next_observation)
    assert through_a_file(describe_step(env, recalled)) == line
    assert data_equivalence(recalled.next_observation, following)
    assert (recalled.reward, recalled.terminated) == (lived.reward, lived.terminated)
    assert all(recalled.info[key] == info[key] for key in ("metrics", "cost", "stop_reason"))
    again = from_jsonable(env.action_space, line["action"])
    assert to_jsonable(env.action_space, again) == to_jsonable(env.action_space, action)


def test_a_torn_last_line_has_not_happened(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("started", observation=[1.0])
    journal.append("step", step=1)
    with path.open("a") as file:
        file.write('{"stage": "step", "st')
    reread = Journal(path)
    assert reread.lines == journal.lines
    assert reread.steps == [{"stage": "step", "step": 1}]
    assert not reread.has("finished")
    reread.mend()
    reread.append("finished")
    assert [line["stage"] for line in Journal(path).lines] == ["started", "step", "finished"]


def test_infinite_and_undefined_numbers_survive(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).append("started", observation=[float("inf"), float("nan")])
    first, second = Journal(path).started["observation"]
    assert first == float("inf")
    assert second != second


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("{\n{}\n")
    with pytest.raises(RunError, match=r"journal\.jsonl:1 is damaged"):
        Journal(path)
