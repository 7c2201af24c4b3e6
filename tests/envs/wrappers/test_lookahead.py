"""Looking ahead: what is tried comes true, is charged in full, and is journalled."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym import experiment
from teachgym.agents import make_teacher
from teachgym.agents.context import Cells
from teachgym.agents.lookahead import Ahead, LookAhead
from teachgym.chat.scripted import Scripted
from teachgym.errors import ActionError, BudgetError, ConfigError, EpisodeError
from teachgym.loop import run_episode
from teachgym.runs import RunConfig, RunFolder
from teachgym.runs.journal import Journal
from teachgym.types import Tried
from tests.runs.dying import Killed, kill_after

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 40,
    "budget": {"steps": 12, "examples": 1000},
}


def make(**settings: Any) -> Any:
    return gym.make("teachgym/SkillList-v0", **{**SMALL, "lookahead": 4, **settings})


def action_of(env: Any, skill: str) -> Any:
    action = np.zeros(env.action_space.shape, np.float32)
    action[env.get_wrapper_attr("skills").index(skill)] = 1 / 3
    return action


def test_what_was_tried_comes_true_and_is_charged_but_for_the_best() -> None:
    """Three tries and a step: four steps less one, each of 40 examples if none was rejected."""
    env, twin = make(), make(lookahead=0)
    for one in (env, twin):
        one.reset(seed=3)
    actions = [action_of(env, skill) for skill in ("add", "first", "rev")]
    tried = env.get_wrapper_attr("lookahead").branch(actions)
    spent = env.get_wrapper_attr("spent")
    best = int(np.argmax([t.reward for t in tried]))
    assert spent.steps == 2
    assert 0 < spent.examples <= 80
    for i, action in enumerate(actions):
        if i == best:
            observation, reward, *_, info = env.step(action)
            expected = twin.step(action)
            assert reward == tried[i].reward == expected[1]
            assert np.array_equal(observation["accuracy"], expected[0]["accuracy"])
            assert info["data"] == expected[4]["data"]
            assert info["cost"].steps == 3


@pytest.mark.parametrize("stop", [False, True])
def test_what_a_step_takes_can_be_tried(stop: bool) -> None:
    """Lists and other types of numbers, too; what a step refuses is refused in the same words."""
    env = make(stop=stop)
    env.reset(seed=3)
    lookahead = env.get_wrapper_attr("lookahead")
    action = np.zeros((len(env.get_wrapper_attr("skills")), 3), np.float32)
    action[0] = 0.25
    tried = lookahead.branch([action, action.tolist(), action.astype(np.float64)])
    assert len({t.id for t in tried}) == 1
    for wrong in (None, action[:2], "all"):
        with pytest.raises(ActionError) as refused:
            env.step(wrong)
        with pytest.raises(ActionError, match=r"Box\(0\.0, 1\.0, \(32, 3\)"):
            lookahead.branch([wrong])
        assert "Box(0.0, 1.0, (32, 3)" in str(refused.value)


def test_states_that_were_reached_can_be_gone_on_from_until_the_next_step() -> None:
    env = make()
    env.reset(seed=3)
    lookahead, action = env.get_wrapper_attr("lookahead"), action_of(env, "first")
    (first,) = lookahead.branch([action])
    (second,) = lookahead.branch([action], [first.id])
    rewards = [env.step(action)[1] for _ in range(2)]
    assert rewards == [first.reward, second.reward]
    with pytest.raises(EpisodeError, match="no snapshot"):
        lookahead.branch([action], [first.id])


def test_what_is_tried_from_a_later_state_is_charged_in_full() -> None:
    """Nobody makes it next. A step is left for what is: of three, two such tries take the rest."""
    env = make(budget={"steps": 3})
    env.reset(seed=3)
    lookahead, action = env.get_wrapper_attr("lookahead"), action_of(env, "first")
    (first,) = lookahead.branch([action])
    spent = [env.get_wrapper_attr("spent").steps]
    for _ in range(2):
        lookahead.branch([action], [first.id])
        spent.append(env.get_wrapper_attr("spent").steps)
    assert spent == [0, 1, 2]
    with pytest.raises(BudgetError, match="steps"):
        lookahead.branch([action], [first.id])
    assert env.step(action)[1] == first.reward
    assert env.get_wrapper_attr("spent").steps == 3


def test_what_cannot_be_paid_for_is_refused_and_not_charged() -> None:
    env = make(budget={"steps": 2, "examples": 50})
    env.reset(seed=0)
    lookahead, action = env.get_wrapper_attr("lookahead"), action_of(env, "first")
    with pytest.raises(BudgetError, match="steps"):
        lookahead.branch([action] * 3)
    with pytest.raises(BudgetError, match="examples"):
        lookahead.branch([action] * 2)
    assert env.get_wrapper_attr("spent").steps == 0
    with pytest.raises(ConfigError, match="1 actions have 2 states"):
        lookahead.branch([action], ["a", "b"])


def test_a_teacher_may_look_ahead_only_where_it_is_allowed_to() -> None:
    with pytest.raises(ConfigError, match="lookahead=8"):
        make_teacher("best-of-n", make(lookahead=0))
    with pytest.raises(ConfigError, match="unknown base 'nobody'"):
        make_teacher("best-of-n", make(), base="nobody")


@pytest.mark.parametrize("name", ["best-of-n", "beam"])
def test_the_whole_budget_is_kept_to(name: str) -> None:
    """Best of four: 4 + 4 + 4 steps are three; a beam spends eight on a step, then what is left."""
    env = make()
    episode = run_episode(env, make_teacher(name, env), seed=0)
    spent = env.get_wrapper_attr("spent")
    assert spent.steps == 12
    assert sum(t.info["cost"].steps for t in episode.transitions) == 12
    assert episode.length == 3 if name == "best-of-n" else episode.length < 12


def test_the_best_of_the_first_step_is_no_worse_than_the_base_policy() -> None:
    gains = []
    for name in ("uniform", "best-of-n"):
        env = make()
        episode = run_episode(env, make_teacher(name, env), seed=1)
        gains.append(episode.transitions[0].reward)
    assert gains[1] >= gains[0]


def test_a_beam_goes_on_from_no_episode_that_has_ended() -> None:
    """Whatever is tried reaches the target, so nothing is looked for beyond it."""
    env = make(target_accuracy=0.01)
    env.reset(seed=0)
    (tried,) = env.get_wrapper_attr("lookahead").branch([action_of(env, "first")])
    assert tried.ended
    episode = run_episode(env, make_teacher("beam", env), seed=0)
    assert episode.length == 1
    assert episode.transitions[0].info["stop_reason"] == "mastery"


class Told:
    """A look-ahead with known rewards; the id of a state is the path to it."""

    def __init__(self, *generations: dict[str, float]) -> None:
        self.rewards = {id_: reward for told in generations for id_, reward in told.items()}
        self.starts: list[tuple[str, ...]] = []

    def branch(self, actions: Any, starts: Any = ()) -> tuple[Tried, ...]:
        """Children of a state are numbered in the order in which they are tried."""
        self.starts.append(tuple(starts))
        numbers = Counter[str]()
        ids = []
        for start in starts or [""] * len(actions):
            ids.append(f"{start}{numbers[start]}")
            numbers[start] += 1
        return tuple(Tried(self.rewards.get(id_, 0.0), id_, id_.endswith("3")) for id_ in ids)


FIRST = {"0": 0.9, "1": 0.8, "2": 0.1}
"""The two best of four are gone on from, by two children each; a 3 ends the episode."""


@pytest.mark.parametrize(
    ("depth", "generations", "starts", "chosen"),
    [
        (1, (FIRST,), [()], 0),
        # What is best after one step loses most in the next: 0.4 and 0.3 against 0.85 and 0.8.
        (2, (FIRST, {"00": -0.5, "01": -0.6, "10": 0.05}), [(), ("0", "0", "1", "1")], 1),
        # From 10 and 11 alone, though the shorter paths 0 and 1 have a higher sum than 11.
        (
            3,
            (FIRST, {"00": -0.5, "01": -0.6, "10": 0.0, "11": -0.1}, {"110": 0.2}),
            [(), ("0", "0", "1", "1"), ("10", "10", "11", "11")],
            1,
        ),
        # A path that has ended stays in the running: 1.2 against 0.9.
        (2, ({**FIRST, "3": 1.2},), [(), ("0", "0", "1", "1")], 3),
    ],
)
def test_a_beam_goes_on_from_its_last_states(
    depth: int, generations: Any, starts: Any, chosen: int
) -> None:
    told = Told(*generations)
    ahead = Ahead(Cells(("a", "b"), (0.0, 1.0)), told)
    teacher = LookAhead(ahead, n=4, depth=depth, width=2)
    actions = LookAhead(ahead, n=4)._variations(teacher.base.act({}), 4)
    assert np.array_equal(teacher.act({}), actions[chosen])
    assert told.starts == starts


@pytest.mark.parametrize("name", ["best-of-n", "beam"])
def test_a_teacher_that_never_stops_tries_where_it_could(name: str) -> None:
    """An action without ``stop`` goes on, in a trial as in a step."""
    rewards = []
    for stop in (False, True):
        env = make(stop=stop)
        transitions = run_episode(env, make_teacher(name, env), seed=0).transitions
        rewards.append([t.reward for t in transitions])
    assert rewards[0] == rewards[1] != []


def words(messages: Any, schema: Any, draw: int) -> str:
    skill = ("add", "first", "rev", "down")[draw % 4]
    return json.dumps({"items": [{"skill": skill, "count": 40}]})


def test_the_best_reply_is_made() -> None:
    env = make(action="text", observation="text")
    teacher = make_teacher("llm-best-of-n", env, chat=Scripted(words), n=3)
    episode = run_episode(env, teacher, seed=0)
    assert episode.length == 4
    assert [t.info["cost"].teacher_calls for t in episode.transitions] == [3] * 4


@pytest.mark.sweep(1)
@pytest.mark.parametrize("teacher", ["beam", "llm-best-of-n"])
def test_a_run_that_was_killed_goes_on_without_trying_again(teacher: str, tmp_path: Path) -> None:
    text = teacher == "llm-best-of-n"
    config = RunConfig(
        env="teachgym/SkillList-v0",
        teacher=teacher,
        env_settings=SMALL,
        chat={"provider": "python", "model": f"{__name__}:words"} if text else {},
        seed=1,
    )
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    experiment.run(config, whole)
    with pytest.raises(Killed):
        experiment.run(config, stopped, observers=[kill_after(1)])
    experiment.resume(stopped)
    kept = ("action", "reward", "observation", "cost", "probes")
    steps = [
        [{key: line[key] for key in kept if key in line} for line in Journal(run.journal).steps]
        for run in map(RunFolder.open, (whole, stopped))
    ]
    for own in steps:
        for line in own:
            line["cost"].pop("seconds")
    assert steps[0] == steps[1]
    assert all(entry["probe"] == "branch" for entry in steps[0][0]["probes"])
