"""The MDP itself: rewards, budgets, restarts, and the one look at test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.engines import ENGINES
from teachgym.envs import TeacherEnv, teacher_env
from teachgym.envs.restart import training_set
from teachgym.errors import ConfigError, EpisodeError
from teachgym.types import Data, Example, Order, Plan

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 2},
    "examples_per_step": 60,
    "budget": {"steps": 4},
}


def make(**settings: Any) -> TeacherEnv:
    return teacher_env(**{**SMALL, **settings})


def data_for(env: TeacherEnv, count: int, seed: int = 0) -> Data:
    skill = env.skills[0]
    plan = Plan((Order(skill, count // 2), Order(env.skills[1], count - count // 2)))
    return ENGINES.make("procedural", env.task).generate(plan, np.random.default_rng(seed))


def test_rewards_sum_to_the_change_in_accuracy() -> None:
    env = make()
    first, _ = env.reset(seed=0)
    total, done, last = 0.0, False, first
    while not done:
        last, reward, done, _, _ = env.step(data_for(env, 60, env.state.step))
        total += reward
    assert total == pytest.approx(last.accuracy - first.accuracy)


def test_reset_restores_the_untrained_student_bit_for_bit() -> None:
    env = make()
    first, _ = env.reset(seed=0)
    untrained = env.student.save()
    env.step(data_for(env, 60))
    assert env.student.save() != untrained
    again, _ = env.reset(seed=1)
    assert env.student.save() == untrained
    assert again == first


@pytest.mark.parametrize("budget", [{}, {"train_tokens": 1_000_000}])
def test_who_goes_on_from_a_snapshot_does_not_take_its_student_for_the_untrained_one(
    budget: dict[str, int],
) -> None:
    """It was never reset, so nothing is known of the untrained student when its step ends."""
    settings: dict[str, Any] = {"budget": {"steps": 4, **budget}, "examples_per_step": 640}
    first, other = (make(**settings) for _ in range(2))
    untrained, _ = first.reset(seed=0)
    lesson = Plan(tuple(Order(skill, 20) for skill in first.skills))
    engine = ENGINES.make("procedural", first.task)
    first.step(engine.generate(lesson, np.random.default_rng(0)))
    assert first.state.report.accuracy > untrained.accuracy
    other.restore(first.snapshot())
    other.step(engine.generate(lesson, np.random.default_rng(1)))
    assert other.reset(seed=0)[0] == untrained


@pytest.mark.parametrize("training", ["continue", "scratch"])
def test_no_data_means_no_training_and_exactly_no_reward(training: str) -> None:
    env = make(training=training)
    _before, _ = env.reset(seed=0)
    env.step(data_for(env, 60))
    weights, report = env.student.save(), env.state.report
    after, reward, _, _, info = env.step(())
    assert reward == 0
    assert after is report
    assert env.student.save() == weights
    assert "loss" not in info["metrics"]
    assert env.spent.steps == 2


def test_scratch_forgets_the_weights_and_keeps_the_data() -> None:
    """Two steps from scratch on a and b end where one step on a + b does."""
    env = make(training="scratch", examples_per_step=120)
    a, b = data_for(env, 60, 1), data_for(env, 60, 2)
    env.reset(seed=0)
    env.step(a)
    env.step(b)
    assert [e.prompt for e in env.state.data] == [e.prompt for e in a + b]
    assert env.spent.examples == 120
    assert env.spent.train_tokens == sum(
        env.trainer.cost(env.student, d).train_tokens for d in (a, a + b)
    )


def examples(count: int) -> Data:
    return tuple(Example(f"p{i}", "t", "s") for i in range(count))


def test_the_replay_share_is_the_share_of_the_whole_training_set() -> None:
    """60 new with replay 0.25 draw 60 * 0.25 / 0.75 = 20 earlier ones, each at most once."""
    rng = np.random.default_rng(0)
    new, earlier = examples(60), tuple(Example(f"q{i}", "t", "s") for i in range(100))
    mixed = training_set("continue", new, earlier, 0.25, rng)
    assert mixed[:60] == new
    assert len(mixed) == 80
    assert len(set(mixed)) == 80
    assert training_set("continue", new, earlier, 0.0, rng) == new
    assert training_set("continue", (), earlier, 0.5, rng) == ()
    assert training_set("scratch", new, earlier, 0.0, rng) == earlier + new
    assert len(training_set("continue", new, earlier[:5], 0.25, rng)) == 65


def test_an_episode_ends_with_the_currency_that_ran_out() -> None:
    env = make(budget={"steps": 9, "examples": 70})
    env.reset(seed=0)
    _, _, done, _, info = env.step(data_for(env, 60, 1))
    assert not done
    assert info["stop_reason"] == ""
    _, _, done, truncated, info = env.step(data_for(env, 60, 2))
    assert done
    assert not truncated
    assert info["stop_reason"] == "examples"
    assert info["metrics"]["accepted"] == 10
    assert {v.reason for v in info["rejected"]} == {"budget"}
    with pytest.raises(EpisodeError, match="over"):
        env.step(())


def test_training_tokens_are_paid_for_before_they_are_spent() -> None:
    env = make(budget={"steps": 9, "train_tokens": 100})
    env.reset(seed=0)
    data = data_for(env, 60, 1)
    _, _, _done, _, info = env.step(data)
    accepted = info["metrics"]["accepted"]
    assert 0 < accepted < 60
    assert env.spent.train_tokens <= 100
    assert env.trainer.cost(env.student, data[: accepted + 1]).train_tokens > 100
    assert all("train_tokens" in v.detail for v in info["rejected"])


def test_an_episode_ends_when_the_next_evaluation_could_not_be_paid() -> None:
    env = make(budget={"steps": 9, "generated_tokens": 1})
    env.reset(seed=0)
    _, _, done, _, info = env.step(())
    assert done
    assert info["stop_reason"] == "generated_tokens"


def test_mastery_ends_the_episode() -> None:
    env = make(target_accuracy=0.01)
    env.reset(seed=0)
    _, _, done, _, info = env.step(())
    assert done
    assert info["stop_reason"] == "mastery"


@settings(max_examples=20)
@given(st.lists(st.integers(0, 80), min_size=1, max_size=6), st.integers(1, 150))
def test_spending_never_passes_the_budget(counts: list[int], limit: int) -> None:
    env = make(budget={"steps": 6, "examples": limit, "train_tokens": 12 * limit})
    env.reset(seed=0)
    for i, count in enumerate(counts):
        if env.state.stop_reason:
            break
        env.step(data_for(env, count, i))
        assert env.rules.budget.allows(env.spent)
        assert env.spent.examples == len(env.state.data)
        assert ((env.budget_left >= 0) & (env.budget_left <= 1)).all()


def test_what_was_trained_once_is_not_accepted_again() -> None:
    env = make()
    env.reset(seed=0)
    data = data_for(env, 30)
    env.step(data)
    _, _, _, _, info = env.step(data)
    assert info["metrics"]["accepted"] == 0
    assert {v.reason for v in info["rejected"]} == {"duplicate"}


def test_items_of_val_and_test_never_enter_training() -> None:
    env = make()
    env.reset(seed=0)
    held_out = tuple(env.task.examples("val"))[:5] + tuple(env.task.examples("test"))[:5]
    _, _, _, _, info = env.step(held_out)
    assert info["metrics"]["accepted"] == 0
    assert len(info["rejected"]) == 10


def test_test_is_read_once_after_the_end_for_the_best_student() -> None:
    env = make(budget={"steps": 2})
    env.reset(seed=0)
    with pytest.raises(EpisodeError, match="still runs"):
        env.examine()
    env.step(data_for(env, 60, 1))
    env.step(data_for(env, 60, 2))
    before, after = env.examine()
    assert before.split == after.split == "test"
    assert env.student.save() == env.state.best.checkpoint
    curve = [point.mean for point in env.state.curve]
    assert env.state.best.step == int(np.argmax(curve))


def test_the_untrained_student_is_examined_when_nothing_was_better() -> None:
    env = make(budget={"steps": 1})
    env.reset(seed=0)
    env.step(())
    before, after = env.examine()
    assert env.state.best.step == 0
    assert before == after


def test_an_environment_that_was_not_reset_says_so() -> None:
    env = make()
    with pytest.raises(EpisodeError, match=r"reset\(\) first"):
        env.step(())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"examples_per_step": 0}, "examples_per_step is 0"),
        ({"replay": 1.0}, "replay is 1.0"),
        ({"replay": 0.5, "training": "scratch"}, "scratch"),
        ({"target_accuracy": 1.5}, "target_accuracy is 1.5"),
        ({"render_mode": "human"}, "human"),
        ({"budget": {"steps": 0}}, "steps is 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**wrong)
