"""Filters choose from a batch, are charged for what they ask, and say yield and quality."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.envs.base import base_of
from teachgym.errors import ConfigError, ConformanceError, UnknownNameError
from teachgym.experiment import RunConfig, run
from teachgym.gate import Gate
from teachgym.gate.filters import Filter
from teachgym.gate.filters.filter import all_but_highest
from teachgym.loop import run_episode
from teachgym.protocols import Task, Teacher
from teachgym.report.tables import spending_rows
from teachgym.runs import Keep, RunFolder, record_episode
from teachgym.runs.result import result_from_json, result_to_json
from teachgym.testing import ToyTask
from teachgym.types import Cost, Data, Example, Score, Transition
from tests.gate.filters.asking import Answers, kept
from tests.report.html.page_parts import page_of
from tests.runs.dying import Killed, stop_clocks

SETTINGS: dict[str, Any] = {
    "student": "simulated",
    "task": "teachgym.testing:ToyTask",
    "examples_per_step": 12,
}


class Counting(Filter):
    """Keeps as many examples as steps were made, and one sample of each is asked for."""

    def choose(self, data: Data, probes: Any, rng: Any, memory: Any) -> list[str | None]:
        memory["steps"] = memory.get("steps", 0) + 1
        probes.sample(data, k=1)
        return [None if place < memory["steps"] else "late" for place in range(len(data))]


class Answering(Filter):
    """Gives what it was told to give."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def choose(self, data: Data, probes: Any, rng: Any, memory: Any) -> Any:
        return self.answer


@given(
    st.lists(st.one_of(st.floats(-9, 9), st.just(math.nan)), min_size=1, max_size=30),
    st.floats(0.01, 1),
)
def test_a_share_keeps_the_highest(scores: list[float], share: float) -> None:
    """The ceiling of share * n stay, and none of the others has a higher score."""
    left = kept(all_but_highest(scores, share, "score"))
    assert len(left) == math.ceil(round(share * len(scores), 6))
    worth = [-math.inf if math.isnan(score) else score for score in scores]
    others = [score for place, score in enumerate(worth) if place not in left]
    assert max(others, default=-math.inf) <= min(worth[place] for place in left)


def test_a_share_of_each_group() -> None:
    """Half of each of two groups: the higher of a, and two of the three of b."""
    scores, groups = [1.0, 2.0, 3.0, 4.0, 5.0], ["a", "a", "b", "b", "b"]
    assert kept(all_but_highest(scores, 0.5, "score", groups)) == [1, 3, 4]


def test_random_keeps_a_share_of_every_skill() -> None:
    env = gym.make(
        "teachgym/SkillList-v0",
        **SETTINGS,
        gate_checks=[{"name": "random", "share": 0.5}],
        budget={"steps": 2},
    )
    episode = run_episode(env, make_teacher("uniform", env), seed=0)
    for transition in episode.transitions:
        metrics = transition.info["metrics"]
        handed_in = metrics["accepted"] + metrics["rejected"]
        assert metrics["yield"] == metrics["accepted"] / handed_in
        assert metrics["quality"] == 1
        assert metrics["quality_n"] == metrics["accepted"] == transition.info["cost"].examples
        assert metrics["rejected/random"] >= metrics["accepted"] - 4


def record(run: RunFolder, keep: Keep, death: int = 0) -> tuple[list[Example], Cost]:
    """What four steps trained on and spent, made or gone on with; it may die after a step."""

    def die(step: int, transition: Transition) -> None:
        if step == death:
            raise Killed

    env = base_of(
        gym.make("teachgym/OpenEnded-v0", **SETTINGS, gate_checks=(Counting,), budget={"steps": 4})
    )
    record_episode(env, Handing(env.task), run, seed=0, keep=keep, observers=[die])
    return list(env.state.data), replace(env.spent, seconds=0)


class Handing(Teacher[Any, Data]):
    """Hands in six of the task's training examples, each time others."""

    def __init__(self, task: Task) -> None:
        self.data = task.examples("train")

    def reset(self, seed: int) -> None:
        self.step = 0

    def act(self, observation: Any) -> Data:
        self.step += 1
        return tuple(self.data[6 * self.step : 6 * self.step + 6])


@pytest.mark.sweep(1)
@pytest.mark.parametrize("every", [1, 3])
def test_what_filters_keep_and_ask_is_the_same_when_a_run_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """One example is kept in step 1, two in step 2 and so on, asked anew or gone on with."""
    stop_clocks(monkeypatch)
    keep = Keep(snapshot_every=every)
    data, spent = record(RunFolder.create(tmp_path / "whole", {}), keep)
    assert Counter(example.step for example in data) == {1: 1, 2: 2, 3: 3, 4: 4}
    for death in (1, 2, 3):
        run = RunFolder.create(tmp_path / f"killed-{death}", {})
        with pytest.raises(Killed):
            record(run, keep, death)
        assert record(run, keep) == (data, spent)


class Remembering(Filter):
    """Leaves what it was told to leave."""

    def __init__(self, left: Any) -> None:
        self.left = left

    def choose(self, data: Data, probes: Any, rng: Any, memory: Any) -> list[str | None]:
        memory.update(self.left)
        return [None] * len(data)


def test_a_memory_is_that_of_a_resumed_run_and_json() -> None:
    """A file has lists and texts in the places of tuples and numbers that are keys."""
    task, rng = ToyTask(), np.random.default_rng(0)
    data = tuple(task.examples("train")[:2])
    left = {1: (2, np.float64(0.5))}
    _, memory = Gate(task, checks=[Remembering(left)]).choose(data, Answers(), rng, {})
    assert memory == {"0": {"1": [2, 0.5]}}
    for wrong in (np.int64(3), {3}, math.nan):
        gate = Gate(task, checks=[Remembering({"a": wrong})])
        with pytest.raises(ConformanceError, match=r"gate check 'Remembering' leaves .* be JSON"):
            gate.choose(data, Answers(), rng, {})


def test_filters_are_forked_with_the_episode() -> None:
    env = gym.make(
        "teachgym/SkillList-v0", **SETTINGS, gate_checks=(Counting,), budget={"steps": 5}
    )
    env.reset(seed=0)
    base = base_of(env)
    env.step(env.action_space.sample() * 0 + 0.1)
    snapshot = base.snapshot()
    accepted = []
    for _ in range(2):
        base.restore(snapshot)
        accepted.append(env.step(env.action_space.sample() * 0 + 0.1)[4]["metrics"]["accepted"])
    assert accepted == [2, 2]


def test_what_cannot_be_asked_is_not_trained_on() -> None:
    """Where samples cannot be paid for, the batch is rejected for the budget's sake."""
    env = gym.make("teachgym/SkillList-v0", **SETTINGS, gate_checks=(Counting,))
    env.reset(seed=0)
    base = base_of(env)
    tokens = base.next_evaluation.generated_tokens + 1
    env = gym.make(
        "teachgym/SkillList-v0",
        **SETTINGS,
        gate_checks=(Counting,),
        budget={"steps": 5, "generated_tokens": tokens},
    )
    env.reset(seed=0)
    info = env.step(env.action_space.sample() * 0 + 0.1)[4]
    assert info["data"] == ()
    assert {verdict.reason for verdict in info["rejected"]} == {"budget"}
    assert info["cost"].generated_tokens == 0


@pytest.mark.parametrize("answer", [None, "no", [None], ["long"] * 9, [None, 3], {"a": None}])
def test_a_filter_that_gives_no_fault_for_each_is_named(answer: Any) -> None:
    task = ToyTask()
    gate = Gate(task, checks=[Answering(answer)])
    with pytest.raises(ConformanceError, match=r"gate check 'Answering' gives .* for 2 examples"):
        gate.choose(tuple(task.examples("train")[:2]), Answers(), np.random.default_rng(0), {})


@pytest.mark.parametrize(
    ("check", "error", "said"),
    [
        ({"share": 0.5}, ConfigError, "a table of settings must have the check's name"),
        ({"name": "randon"}, UnknownNameError, "Did you mean 'random'"),
        ({"name": "random", "shares": 1}, ConfigError, "unknown setting 'shares'"),
        ({"name": "random", "share": 0}, ConfigError, "share"),
        ({"name": "hides-target", "share": 0.5}, ConfigError, "has no settings"),
    ],
)
def test_bad_settings_are_refused(check: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        gym.make("teachgym/SkillList-v0", **SETTINGS, gate_checks=[check])


def test_yield_and_quality_stand_in_the_tables_of_a_run(tmp_path: Path) -> None:
    """Half of each skill is kept in both of two steps; the toy task calls all of it right."""
    checks = [{"name": "random", "share": 0.5}]
    config = RunConfig(
        env_settings={**SETTINGS, "gate_checks": checks, "budget": {"steps": 2}}, teacher="uniform"
    )
    result = run(config, tmp_path / "run")
    assert result.quality == Score(result.spent.examples, 1.0, 0.0)
    handed_in = result.spent.examples + sum(result.rejected.values())
    assert result.chosen == result.spent.examples / handed_in
    assert ("yield", f"{result.chosen:.3f}") in spending_rows(result)
    assert result_from_json(result_to_json(result)) == result
    assert ">yield</th>" in page_of(RunFolder.open(tmp_path / "run"))
    plain = run(
        RunConfig(env_settings={**SETTINGS, "budget": {"steps": 1}}, teacher="uniform"),
        tmp_path / "plain",
    )
    assert "quality" not in result_to_json(plain)
