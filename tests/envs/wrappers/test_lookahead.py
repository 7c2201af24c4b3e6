"""Looking ahead: what is tried comes true, is charged in full, and is journalled."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teachgym import experiment
from teachgym.agents import make_teacher
from teachgym.agents.context import Cells
from teachgym.agents.lookahead import Ahead, LookAhead
from teachgym.chat.scripted import Scripted
from teachgym.envs.forks import Forks
from teachgym.envs.vector import TeacherVectorEnv
from teachgym.errors import ActionError, BudgetError, ConfigError, EpisodeError
from teachgym.loop import run_episode
from teachgym.runs import RunConfig, RunFolder
from teachgym.runs.journal import Journal
from teachgym.students import make_student
from teachgym.tasks import make_task
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


def test_what_was_tried_comes_true_and_a_step_with_it_costs_nothing_more() -> None:
    """Three tries, of which one is made: three steps, of 40 examples each if none was rejected."""
    env, twin = make(), make(lookahead=0)
    for one in (env, twin):
        one.reset(seed=3)
    actions = [action_of(env, skill) for skill in ("add", "first", "rev")]
    tried = env.get_wrapper_attr("lookahead").branch(actions)
    spent = env.get_wrapper_attr("spent")
    assert spent.steps == 3
    assert 0 < spent.examples <= 120
    assert spent.seconds > 0
    best = int(np.argmax([t.reward for t in tried]))
    observation, reward, *_, info = env.step(actions[best])
    expected = twin.step(actions[best])
    assert reward == tried[best].reward == expected[1]
    assert np.array_equal(observation["accuracy"], expected[0]["accuracy"])
    assert info["data"] == expected[4]["data"]
    assert replace(info["cost"], seconds=0) == replace(spent, seconds=0)


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


class Trained:
    """Counts the students that forks train."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tries, real = 0, TeacherVectorEnv.step_rows

        def step_rows(rows: Any, actions: Any) -> Any:
            self.tries += len(actions)
            return real(rows, actions)

        monkeypatch.setattr(TeacherVectorEnv, "step_rows", step_rows)


def steps_of(env: Any) -> int:
    return int(env.get_wrapper_attr("spent").steps)


def test_tries_one_at_a_time_cost_what_tries_together_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries are three steps; the one that is made is none beside, any other is a fourth."""
    for made, paid in (("rev", 3), ("first", 3), ("down", 4)):
        trained, env = Trained(monkeypatch), make()
        env.reset(seed=3)
        lookahead = env.get_wrapper_attr("lookahead")
        for number, skill in enumerate(("add", "first", "rev"), 1):
            lookahead.branch([action_of(env, skill)])
            assert steps_of(env) == trained.tries == number
        env.step(action_of(env, made))
        assert steps_of(env) == paid
        env.step(action_of(env, "add"))  # What was tried before the last step pays for no other.
        assert steps_of(env) == paid + 1


def test_a_chain_of_tries_is_charged_link_by_link() -> None:
    """Of three steps a try and two from later states take all, and no more can be tried.

    The first is made at no further cost. What was not tried where the episode is cannot be made,
    be it the second of the chain.
    """
    env = make(budget={"steps": 3})
    env.reset(seed=3)
    lookahead, action = env.get_wrapper_attr("lookahead"), action_of(env, "first")
    (first,) = lookahead.branch([action])
    (second,) = lookahead.branch([action_of(env, "add")], [first.id])
    lookahead.branch([action], [second.id])
    assert steps_of(env) == 3
    with pytest.raises(BudgetError, match="steps: 1 more would make 4 of 3"):
        lookahead.branch([action], [first.id])
    with pytest.raises(BudgetError, match="no step for an action that was not among them"):
        env.step(action_of(env, "add"))
    assert env.step(action)[1] == first.reward
    assert steps_of(env) == 3


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("try"), st.sets(st.integers(0, 4), min_size=1, max_size=3)),
            st.tuples(st.just("go on"), st.integers(0, 4)),
            st.tuples(st.just("step"), st.integers(0, 4)),
        ),
        max_size=8,
    )
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_charged_is_what_was_trained_but_for_tries_that_are_made(
    monkeypatch: pytest.MonkeyPatch, deeds: list[tuple[str, Any]]
) -> None:
    """A student for each try and each step, less those steps whose student a try has trained."""
    with monkeypatch.context() as patch:
        trained, env = Trained(patch), make(budget={"steps": 99})
        env.reset(seed=0)
        lookahead, here = env.get_wrapper_attr("lookahead"), dict[int, str]()
        actions = [action_of(env, skill) for skill in env.get_wrapper_attr("skills")[:5]]
        steps = taken_over = 0
        for deed, which in deeds:
            if deed == "try":
                tried = lookahead.branch([actions[place] for place in which])
                here |= {place: t.id for place, t in zip(which, tried, strict=True)}
            elif deed == "step":
                env.step(actions[which])
                steps, taken_over = steps + 1, taken_over + (which in here)
                here = {}
            elif here:
                lookahead.branch([actions[which]], [min(here.values())])
            assert steps_of(env) == trained.tries + steps - taken_over


def test_snapshots_keep_what_was_tried_and_a_reset_forgets_it() -> None:
    """A try pays for the step after ``restore``, one made later for none: 1, and 1 + 1 steps."""
    env = make()
    env.reset(seed=3)
    lookahead = env.get_wrapper_attr("lookahead")
    action, other = action_of(env, "first"), action_of(env, "add")
    untried = env.get_wrapper_attr("snapshot")()
    (tried,) = lookahead.branch([action])
    kept = env.get_wrapper_attr("snapshot")()
    assert list(kept.tried) == [tried.id]
    for snapshot, made, paid in ((kept, action, 1), (kept, other, 2), (untried, action, 1)):
        lookahead.branch([other])
        env.get_wrapper_attr("restore")(snapshot)
        with pytest.raises(EpisodeError, match="no snapshot"):
            lookahead.branch([action], [tried.id])
        env.step(made)
        assert steps_of(env) == paid
    lookahead.branch([action])
    env.reset(seed=3)
    env.step(action)
    assert steps_of(env) == 1


def test_what_is_no_action_is_left_to_the_step() -> None:
    """In words it is rejected, after a try as before one; ``stop`` alone ends the episode."""
    env = make(action="text", stop=True)
    env.reset(seed=0)
    env.get_wrapper_attr("lookahead").branch([words((), None, 0)])
    assert env.step(None)[4]["rejected"]
    env.get_wrapper_attr("lookahead").branch([words((), None, 0)])
    assert env.step({"stop": np.ones(1, np.int8)})[4]["stop_reason"] == "teacher"
    assert steps_of(env) == 4


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


def test_nothing_is_tried_on_a_student_that_there_is_one_of() -> None:
    """A try trained the episode's own student, which the next step went on from."""
    student = make_student("simulated", make_task("arithmetic-and-strings"))
    with pytest.raises(ConfigError, match="is one student and 2 are needed"):
        make(lookahead=1, student=student)
    with pytest.raises(ConfigError, match="is one student and 2 are needed"):
        Forks.of(make(lookahead=0, student=student), 1)


def test_a_teacher_may_look_ahead_only_where_it_is_allowed_to() -> None:
    with pytest.raises(ConfigError, match="lookahead=8"):
        make_teacher("best-of-n", make(lookahead=0))
    with pytest.raises(ConfigError, match="unknown base 'nobody'"):
        make_teacher("best-of-n", make(), base="nobody")


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("own", "moves"),
    [
        ({}, [4, 4, 4, 4]),
        # Four tries and four more from the best state; the rest pays for the first four alone.
        ({"depth": 2}, [8, 8]),
        ({"depth": 2, "width": 2}, [8, 8]),
        # And four more, from the best states of those; the rest for four.
        ({"depth": 3, "width": 2}, [12, 4]),
        # Two and two; a budget of 16 pays for four moves.
        ({"n": 2, "depth": 2}, [4, 4, 4, 4]),
    ],
)
def test_all_tries_of_a_move_are_paid_for_and_the_move_with_them(
    own: dict[str, int], moves: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many are trained in 16 steps as are charged, besides the moves, which are taken over."""
    trained, env = Trained(monkeypatch), make(budget={"steps": 16})
    teacher = make_teacher("best-of-n", env, **own)
    episode = run_episode(env, teacher, seed=0)
    assert [t.info["cost"].steps for t in episode.transitions] == moves
    assert steps_of(env) == trained.tries == 16


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


@pytest.mark.sweep(1)
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
@pytest.mark.parametrize(
    ("teacher", "snapshot_every"), [("beam", 1), ("beam", 9), ("llm-best-of-n", 1)]
)
def test_a_run_that_was_killed_goes_on_without_trying_again(
    teacher: str, snapshot_every: int, tmp_path: Path
) -> None:
    """A step that is made again, for want of a snapshot, is paid for by the recorded tries."""
    text = teacher == "llm-best-of-n"
    config = RunConfig(
        env="teachgym/SkillList-v0",
        teacher=teacher,
        env_settings={**SMALL, "budget": {"steps": 8}},
        chat={"provider": "python", "model": f"{__name__}:words"} if text else {},
        keep={"snapshot_every": snapshot_every},
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


def test_tries_that_were_recorded_without_prices_were_charged_for_all_but_the_best() -> None:
    """Two tries were one step then, and the step that is made is another."""
    env = make()
    env.reset(seed=3)
    log, lookahead = env.unwrapped.probe_log, env.get_wrapper_attr("lookahead")
    actions = [action_of(env, skill) for skill in ("add", "first")]
    log.record()
    lookahead.branch(actions)
    [entry] = log.take()
    assert entry.pop("prices").keys() == {*entry["ids"]}
    env.reset(seed=3)
    log.replay([{**entry, "cost": {"steps": 1}}])
    lookahead.branch(actions)
    env.step(actions[0])
    assert steps_of(env) == 2
