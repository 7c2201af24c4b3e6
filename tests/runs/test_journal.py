"""What is written of a step is what is read of it, for every registered environment."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import data_equivalence

import teachgym  # noqa: F401
from teachgym.envs.wrappers.stop import STOP, StopSpace
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
    recalled = recall_step(env, observation, action, line, info["data"])
    assert env.observation_space.contains(recalled.next_observation)
    assert through_a_file(describe_step(env, recalled)) == line
    assert data_equivalence(recalled.next_observation, following)
    assert (recalled.reward, recalled.terminated) == (lived.reward, lived.terminated)
    assert all(recalled.info[key] == info[key] for key in ("metrics", "cost", "stop_reason"))
    again = from_jsonable(env.action_space, line["action"])
    assert to_jsonable(env.action_space, again) == to_jsonable(env.action_space, action)


SHARES = gym.spaces.Box(0, 1, (2, 2))


@pytest.mark.parametrize(
    ("space", "action", "written"),
    [
        (SHARES, [[0.5, 0.0], [0.0, 0.25]], [[[0.5, 0.0], [0.0, 0.25]]]),
        (gym.spaces.MultiDiscrete([3, 3]), (1, 2), [[1, 2]]),
        (gym.spaces.Dict(a=SHARES), {"a": ((0, 1), (0, 0))}, {"a": [[[0, 1], [0, 0]]]}),
        (
            StopSpace(action=SHARES, stop=STOP),
            [[0, 1], [0, 0]],
            {"action": [[[0, 1], [0, 0]]], "stop": [[0]]},
        ),
        (gym.spaces.Discrete(5), 3, [3]),
    ],
)
def test_numbers_are_written_in_whatever_form_a_step_takes_them(
    space: Any, action: Any, written: Any
) -> None:
    """A run ended in an ``AttributeError`` once the step of an action in lists was made."""
    assert through_a_file(to_jsonable(space, action)) == written


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[1:], r":1 is not .* does not follow line 0"),
        (lambda lines: [lines[0], *lines[2:]], r":2 is not .* does not follow line 1"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], ":1 is not .* does not follow"),
        (lambda lines: [lines[0], *lines], ":2 is not .* does not follow"),
        (lambda lines: [lines[0].replace("0.25", "0.75"), *lines[1:]], ":1 .* fit its digest"),
        (lambda lines: [*lines[:-1], lines[-1].replace("3", "4", 1)], ":4 .* fit its digest"),
        (lambda lines: [lines[0], '{"stage": "step", "step": 1}\n'], ":2 .* digest is missing"),
        (lambda lines: ['{"stage": "started"}\n', *lines[1:]], ":2 .* out of place"),
        (lambda lines: [*lines, "7\n"], ":5 is damaged"),
        (lambda lines: [*lines, "{}\n"], ":5 is damaged"),
    ],
)
def test_a_line_that_was_changed_lost_moved_or_added_is_named(
    tmp_path: Path, change: Any, said: str
) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).append("started", observation=[0.25])
    for step in (1, 2, 3):
        Journal(path).append("step", step=step)
    assert [line["stage"] for line in Journal(path).lines] == ["started", "step", "step", "step"]
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    with pytest.raises(RunError, match=rf"journal\.jsonl{said}"):
        Journal(path)


def test_a_stage_tells_of_the_files_it_wrote_and_of_those_that_are_gone(tmp_path: Path) -> None:
    """SHA-256 of nothing begins with e3b0c442, that of ``a`` with ca978112 (FIPS 180-4)."""
    (tmp_path / "checkpoints").mkdir()
    journal = Journal(tmp_path / "journal.jsonl")
    (tmp_path / "checkpoints" / "state_001.json").write_bytes(b"")
    (tmp_path / "examples.jsonl").write_bytes(b"a")
    journal.append("started")
    (tmp_path / "checkpoints" / "state_001.json").unlink()
    with (tmp_path / "examples.jsonl").open("ab") as file:
        file.write(b"b")
    journal.append("step", step=1)
    journal.append("step", step=2)
    first, second, third = Journal(tmp_path / "journal.jsonl").lines
    assert {name: (size, digest[:8]) for name, (size, digest) in first["files"].items()} == {
        "checkpoints/state_001.json": (0, "e3b0c442"),
        "examples.jsonl": (1, "ca978112"),
    }
    assert second["files"]["checkpoints/state_001.json"] is None
    assert second["files"]["examples.jsonl"] == [2, sha256(b"ab").hexdigest()]
    assert "files" not in third
