"""Stopping, patience, training on the current batch, scaled rewards: in every form of action."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.envs.base import base_of
from teachgym.envs.restart import training_set
from teachgym.envs.step_info import score_metrics
from teachgym.errors import ActionError, ConfigError, EpisodeError
from teachgym.evaluation import GenerateAndGrade
from teachgym.experiment import RunConfig, resume, run
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Data, Example, Prediction, Report
from tests.envs.forms import FORMS, make

forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def stopping(action: Any, env: gym.Env[Any, Any]) -> Any:
    """``action`` of the environment with ``stop`` = 1."""
    if isinstance(env.action_space, gym.spaces.Discrete):
        return env.action_space.n - 1
    if isinstance(action, np.ndarray):  # a flat vector, whose last number is the entry ``stop``
        assert isinstance(env.action_space, gym.spaces.Box)
        action = action.copy()
        action[env.get_wrapper_attr("places")["stop"]] = 1
        return action
    return {**action, "stop": np.array([1], np.int8)}


@forms
def test_the_teacher_may_end_the_episode_and_nothing_is_spent_on_it(form: Any) -> None:
    env = make(form, stop=True)
    env.action_space.seed(3)
    env.reset(seed=0)
    base = base_of(env)
    _, reward, done, truncated, info = env.step(stopping(env.action_space.sample(), env))
    assert (reward, done, truncated, info["stop_reason"]) == (0.0, True, False, "teacher")
    assert (info["data"], base.spent.examples, base.state.step) == ((), 0, 1)
    before, after = base.examine()
    assert before == after
    env.reset(seed=0)
    assert not base.state.stop_reason


@pytest.mark.sweep(2)
@forms
def test_environments_with_a_stop_pass_gymnasiums_checker(form: Any) -> None:
    env = make(form, stop=True, patience=3, reward_scale=10.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version.*")
        check_env(env, skip_render_check=True)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("form", [name for name in FORMS if "flat" not in name])
def test_an_action_without_stop_goes_on(form: str) -> None:
    """A flat vector always has the number."""
    with_stop, without = make(FORMS[form], stop=True), make(FORMS[form])
    without.action_space.seed(1)
    action = without.action_space.sample()
    for env in (with_stop, without):
        env.reset(seed=0)
    (_, *one), (_, *other) = with_stop.step(action), without.step(action)
    assert (one[0], one[1], one[3]["data"]) == (other[0], other[1], other[3]["data"])


@pytest.mark.parametrize("stop", [2, -1, float("nan"), "yes", None, [0, 0]])
def test_a_stop_that_is_neither_yes_nor_no_is_refused(stop: Any) -> None:
    env = make(("teachgym/OpenEnded-v0", {}), stop=True)
    env.reset(seed=0)
    with pytest.raises(ActionError, match="stop"):
        env.step({"action": (), "stop": stop})
    assert base_of(env).state.step == 0


def test_rows_of_a_vector_environment_stop_one_by_one() -> None:
    envs: Any = gym.make_vec(
        "teachgym/SkillList-v0",
        num_envs=2,
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1},
        stop=True,
    )
    envs.reset(seed=0)
    action = {
        "action": np.zeros((2, *envs.single_action_space["action"].shape), np.float32),
        "stop": np.array([[0], [1]], np.int8),
    }
    _, _, terminated, _, infos = envs.step(action)
    assert terminated.tolist() == [False, True]
    assert list(infos["stop_reason"]) == ["", "teacher"]


# -- patience, batch, scale --------------------------------------------------------------------


def toy(**rules: Any) -> TeacherEnv:
    return TeacherEnv(
        ToyTask(),
        TableStudent(half=4),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(**{"budget": Budget(steps=20), **rules}),
    )


def words(first: int, count: int) -> Data:
    return tuple(Example(f"copy: q{i}z", f"q{i}z", "copy") for i in range(first, first + count))


@settings(max_examples=25)
@given(
    patience=st.integers(1, 5),
    gaps=st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_patience_ends_an_episode_after_so_many_steps_without_a_new_best(
    patience: int, gaps: list[int]
) -> None:
    """A step with data is a new best; steps without are not. The first gap that long ends it."""
    env = toy(patience=patience)
    env.reset(seed=0)
    snapshot, since, step = env.snapshot(), 0, 0
    for gap in [*gaps, 10]:
        for data in [*[()] * gap, words(100 * step, 4)]:
            env.restore(snapshot)  # Patience is a matter of the state alone.
            best = env.state.best.accuracy
            report, *_ = env.step(data)
            step += 1
            since = 0 if report.accuracy > best else since + 1
            assert env.state.stop_reason == ("patience" if since >= patience else "")
            if env.state.stop_reason:
                return
            snapshot = env.snapshot()
    raise AssertionError("patience had no end")


def test_a_batch_is_trained_alone_and_from_the_untrained_weights() -> None:
    """As an environment that was asked for the second batch only."""
    env, other = toy(training="batch"), toy(training="batch")
    for one in (env, other):
        one.reset(seed=0)
    env.step(words(0, 5))
    first, *_ = env.step(words(5, 3))
    second, *_ = other.step(words(5, 3))
    assert first == second
    assert env.student.save() == other.student.save()
    rng = np.random.default_rng(0)
    assert training_set("batch", words(0, 2), words(2, 3), 0.0, rng) == words(0, 2)
    assert len(env.state.data) == 8


@pytest.mark.slow
@given(scale=st.floats(0.01, 1000), count=st.integers(1, 4))
def test_scaled_rewards_sum_to_the_scale_times_last_minus_first(scale: float, count: int) -> None:
    env = toy(reward_scale=scale)
    first, _ = env.reset(seed=0)
    rewards = [env.step(words(10 * i, 3))[1] for i in range(count)]
    gain = env.state.report.accuracy - first.accuracy
    assert sum(rewards) == pytest.approx(scale * gain, abs=1e-9 * scale)


def test_a_late_reward_is_scaled_too() -> None:
    late: dict[str, Any] = {"stress": {"delayed_reward": 2}, "reward_scale": 100.0}
    sums = []
    for chosen in (late, {"reward_scale": 100.0}, {}):
        env = make(FORMS["shares"], **chosen)
        env.reset(seed=1)
        action = np.full(env.action_space.shape or (), 0.01, np.float32)
        sums.append(sum(env.step(action)[1] for _ in range(2)))
    assert sums[0] == pytest.approx(sums[1])
    assert sums[1] == pytest.approx(100 * sums[2])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"patience": 0}, "patience is 0"),
        ({"reward_scale": 0.0}, "reward_scale is 0.0"),
        ({"reward_scale": float("inf")}, "reward_scale is inf"),
        ({"reward_scale": float("nan")}, "reward_scale is nan"),
        ({"training": "batch", "replay": 0.5}, "replay is for"),
        ({"training": "scratch", "replay": 0.5}, "replay is for"),
    ],
)
def test_rules_out_of_range_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EpisodeRules(**rules)


def test_scores_of_each_skill_are_in_every_line() -> None:
    """Right 1 of 2 of ``a``, 1 of 1 of ``b``; nothing of ``c`` could be graded: 2 of 3."""
    graded = [("a", 1.0), ("a", 0.0), ("b", 1.0), ("c", float("nan"))]
    report = Report(tuple(Prediction(Example("p", "t", s), "r", x) for s, x in graded), "val")
    metrics = score_metrics(report)
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert (metrics["accuracy/a"], metrics["n/a"], metrics["accuracy/b"]) == (0.5, 2, 1.0)
    assert metrics["stderr/a"] == pytest.approx((0.25 / 2) ** 0.5)
    assert not any(name.endswith("/c") for name in metrics)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"examples": lambda self, split: ()}, "val has no items"),
        ({"grade": lambda self, example, response: float("nan")}, "no answer on val could be"),
    ],
)
def test_what_cannot_be_measured_ends_before_it_begins(change: Any, said: str) -> None:
    """Rewards were nan."""
    task = type("Odd", (ToyTask,), change)()
    env = TeacherEnv(task, TableStudent(), RecordingTrainer(), GenerateAndGrade())
    with pytest.raises(EpisodeError, match=said):
        env.reset(seed=0)


# -- gather, then train ------------------------------------------------------------------------


@settings(max_examples=20)
@given(
    every=st.integers(1, 4),
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=7),
    limit=st.sampled_from([{}, {"examples": 6}, {"train_tokens": 60}, {"generated_tokens": 130}]),
    training=st.sampled_from(["continue", "scratch", "batch"]),
)
def test_gathered_data_is_trained_once_and_all_of_it(
    every: int, counts: list[int], limit: dict[str, int], training: Any
) -> None:
    """In every k-th step, or in the last that can; a snapshot knows what waits."""
    budget = Budget(steps=len(counts), **limit)
    env = toy(budget=budget, train_every=every, training=training)
    before, _ = env.reset(seed=0)
    trained: list[Example] = []
    gathered: list[Example] = []
    for step, count in enumerate(counts, 1):
        env.restore(env.snapshot())
        report, reward, done, _, info = env.step(words(10 * step, count))
        gathered += info["data"]
        due = step % every == 0 or done
        assert env.state.waiting == (0 if due else len(gathered))
        assert len(info["losses"]) == len(info["data"])
        if not due:
            assert (report, reward) == (before, 0.0)
            assert info["cost"].train_tokens == info["cost"].generated_tokens == 0
            assert "loss" not in info["metrics"]
        elif gathered:
            earlier = trained if training == "scratch" else []
            tokens = env.trainer.cost(env.student, (*earlier, *gathered)).train_tokens
            assert info["cost"].train_tokens == tokens
            trained, gathered = trained + gathered, []
        assert budget.allows(env.spent)
        before = report
        if done:
            break
    assert gathered == []
    assert tuple(env.state.data) == tuple(trained)


def test_one_run_over_gathered_data_is_one_run_over_it_at_once() -> None:
    gather, once = toy(train_every=3), toy(budget=Budget(steps=20))
    for env in (gather, once):
        env.reset(seed=0)
    for i in (0, 1, 2):
        after, reward, *_ = gather.step(words(5 * i, 2))
    at_once, other, *_ = once.step(words(0, 2) + words(5, 2) + words(10, 2))
    assert (after, reward) == (at_once, other)


def test_what_waits_when_the_teacher_stops_is_not_trained() -> None:
    env = toy(train_every=3)
    first, _ = env.reset(seed=0)
    env.step(words(0, 2))
    env.end()
    report, reward, done, *_ = env.step(())
    assert (report, reward, done, env.state.stop_reason) == (first, 0.0, True, "teacher")


def test_patience_counts_training_runs() -> None:
    """Without data nothing gets better: two runs of three steps each."""
    env = toy(train_every=3, patience=2)
    env.reset(seed=0)
    for _ in range(6):
        assert not env.state.stop_reason
        env.step(())
    assert env.state.stop_reason == "patience"


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("env", "teacher"), [("SkillList", "alp"), ("SkillTree", "alternating"), ("OpenEnded", "pool")]
)
def test_registered_teachers_act_where_an_episode_can_be_stopped(
    env: str, teacher: str, tmp_path: Path
) -> None:
    """The run is the one without ``stop``, and can be lived through again."""
    curves = []
    for stop in (False, True):
        world = {"student": "simulated", "task": "teachgym.testing.toy:ToyTask", "stop": stop}
        rules = {"budget": {"steps": 3}, "examples_per_step": 8}
        config = RunConfig(f"teachgym/{env}-v0", {**world, **rules}, teacher)

        def die(step: int, transition: Any) -> None:
            if step == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / str(stop), observers=[die])
        curves.append(resume(tmp_path / str(stop)).curve)
    assert curves[0] == curves[1]
