"""Limits are nearly used and never passed, and an episode ends when nothing can be bought."""

from __future__ import annotations

from time import sleep
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.engines.procedural import ProceduralEngine
from teachgym.envs import EpisodeRules, TeacherEnv, teacher_env
from teachgym.envs.base import base_of
from teachgym.envs.pricing import MARGIN, paid_for, price_answers
from teachgym.evaluation import GenerateAndGrade
from teachgym.gate import Gate, GateSettings
from teachgym.protocols import Meter, Task
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Checkpoint, Cost, Data, Example, Order, Plan, TrainResult

CURRENCIES = ("examples", "train_tokens", "generated_tokens")


def make(budget: dict[str, float], **how: Any) -> TeacherEnv:
    return teacher_env(
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 2, "test_per_cell": 1},
        budget={"steps": 40, **budget},
        examples_per_step=20,
        **how,
    )


def fresh(env: TeacherEnv, count: int) -> Data:
    """Examples that are new at every step."""
    rng = env.rng("data")
    task: Any = env.task
    skills = [str(skill) for skill in rng.choice(env.skills, count)]
    return tuple(task.make(skill, None, rng) for skill in skills)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    currency=st.sampled_from(CURRENCIES),
    limit=st.integers(30, 9000),
    how=st.sampled_from(
        [{}, {"pretest": True}, {"training": "scratch"}, {"replay": 0.4}, {"gate_settings": {}}]
    ),
    seed=st.integers(0, 99),
)
def test_no_limit_is_passed_and_no_step_is_empty_for_lack_of_money(
    currency: str, limit: int, how: dict[str, Any], seed: int
) -> None:
    env = make({currency: limit}, **how)
    env.reset(seed=seed)
    empty = 0
    while not env.state.stop_reason:
        *_, info = env.step(fresh(env, 20))
        assert env.rules.budget.allows(env.spent)
        empty += not info["data"]
    assert env.state.stop_reason in (currency, "steps")
    # The step that finds that the money is short may be empty; no second one is.
    assert empty <= 1


@pytest.mark.sweep(2)
@pytest.mark.parametrize("limit", [1500, 4000, 9000, 20000])
def test_a_limit_of_generated_tokens_is_nearly_used(limit: int) -> None:
    """What is left at the end is less than the next evaluation with its margin."""
    env = make({"generated_tokens": limit})
    env.reset(seed=0)
    while not env.state.stop_reason:
        env.step(fresh(env, 20))
    assert env.state.stop_reason in ("generated_tokens", "steps")
    last = env.student.count_tokens([p.response for p in env.state.report.predictions])
    left = limit - env.spent.generated_tokens
    assert 0 <= left <= MARGIN * last + 1 or env.state.step == 40


def test_an_episode_ends_with_the_training_tokens_that_buy_no_example_any_more() -> None:
    """All but three tokens are spent in the first step; the cheapest item costs more than three."""
    env = make({"train_tokens": 10_000})
    env.reset(seed=0)
    data = fresh(env, 20)
    price = env.trainer.cost(env.student, data).train_tokens
    env = make({"train_tokens": price + 3})
    env.reset(seed=0)
    _, _, done, _, info = env.step(data)
    assert (len(info["data"]), env.spent.train_tokens) == (20, price)
    assert (done, info["stop_reason"]) == (True, "train_tokens")


def test_a_limit_of_examples_is_used_up_and_named() -> None:
    budget = Budget(steps=3, examples=2)
    env = TeacherEnv(
        ToyTask(),
        TableStudent(),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(budget),
    )
    env.reset(seed=0)
    *_, info = env.step(tuple(env.task.examples("train"))[:5])
    assert (len(info["data"]), info["stop_reason"]) == (2, "examples")


class Writer(ProceduralEngine):
    """Pays 30 tokens for each example, as long as anything is left; takes a while."""

    name = "writer"

    def __init__(self, task: Task, meter: Meter | None = None) -> None:
        super().__init__(task)
        self.meter = meter

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """As many as can be paid for, the last one in part."""
        made: list[Example] = []
        for example in super().generate(plan, rng):
            if self.meter is None or self.meter.exhausted():
                break
            self.meter.record(Cost(teacher_calls=1, teacher_tokens_out=30))
            made.append(example)
        sleep(0.05)
        return tuple(made)


@pytest.mark.parametrize("limits", [{}, {"train_tokens": 10**9}, {"generated_tokens": 10**9}])
def test_what_was_written_as_a_limit_was_passed_is_trained_on(limits: dict[str, int]) -> None:
    """The fourth call begins with 10 of 100 tokens left, and all four examples were rejected.

    So they were wherever training has a limit of its own, though it costs nothing of the writer's.
    """
    env = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        engine=Writer,
        action="plan",
        budget={"steps": 3, "teacher_tokens_out": 100, **limits},
    )
    env.reset(seed=0)
    skill = env.get_wrapper_attr("skills")[0]
    *_, info = env.step(Plan((Order(skill, 9, 1.0),)))
    assert (len(info["data"]), len(info["rejected"])) == (4, 0)
    assert info["stop_reason"] == "teacher_tokens_out"
    assert base_of(env).spent.seconds > 0.05, "the writer's time counts, too"


class Talkative(TableStudent):
    """Answers with one letter until it was trained, and then with eight."""

    def __init__(self) -> None:
        super().__init__(half=4)
        self.trained = False

    def generate(self, prompts: Any, *, stop: Any = ()) -> list[str]:
        """Short or long."""
        return ["x" * (8 if self.trained else 1) for _ in prompts]

    def count_tokens(self, texts: Any) -> int:
        """Letters."""
        return sum(map(len, texts))

    def restore(self, checkpoint: Checkpoint) -> None:
        """The student that was not trained."""
        self.trained = False


class LoosenTongue(RecordingTrainer):
    """Makes the student talkative."""

    def train(self, student: Any, data: Data, rng: np.random.Generator) -> TrainResult:
        """Train, and change its manner."""
        student.trained = True
        return super().train(student, data, rng)


def talkative(tokens: int, **rules: Any) -> TeacherEnv:
    rules = {"budget": Budget(steps=5, generated_tokens=tokens), **rules}
    return TeacherEnv(
        ToyTask(per_cell=1),
        Talkative(),
        LoosenTongue(),
        GenerateAndGrade(),
        rules=EpisodeRules(**rules),
    )


def test_an_evaluation_longer_than_was_left_is_broken_off_and_not_seen() -> None:
    """8 items of one letter are priced at 10; they come out at 64, and 20 were left."""
    env = talkative(20)
    before, _ = env.reset(seed=0)
    assert env.next_evaluation.generated_tokens == 10
    after, reward, done, _, info = env.step(tuple(env.task.examples("train"))[:2])
    assert (after, reward) == (before, 0.0)
    assert (done, info["stop_reason"]) == (True, "generated_tokens")
    assert env.spent.generated_tokens == 20
    assert info["metrics"]["incidents/unfinished"] == 1
    assert env.state.best.step == 0


def test_what_a_pretest_writes_too_much_is_not_told() -> None:
    """10 are set aside for the evaluation; of 13 left over, 10 answers of one letter at 1.2."""
    env = talkative(23, pretest=True)
    env.reset(seed=0)
    env.student.trained = True  # type: ignore[attr-defined]
    *_, info = env.step(tuple(env.task.examples("train"))[:8])
    # Of eight letters each, one answer is paid for; the evaluation has the other 15, and no more.
    assert len(info["pretest"]) == 1
    assert env.spent.generated_tokens <= 23
    assert [v.reason for v in info["rejected"]] == ["budget"] * 7


def test_where_the_gate_asks_first_an_answer_is_part_of_the_price() -> None:
    env = talkative(10)
    env.gate = Gate(env.task, GateSettings(known="reject"))
    env.reset(seed=0)
    *_, info = env.step(())
    assert info["stop_reason"] == "generated_tokens"


@given(st.integers(0, 500), st.integers(0, 9000), st.integers(0, 300), st.integers(1, 64))
def test_prices_are_bounded_by_the_longest_answers(
    count: int, tokens: int, answers: int, most: int
) -> None:
    price = price_answers(count, tokens=min(tokens, answers * most), answers=answers, most=most)
    assert min(count, count * most) <= price <= count * most


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(0, 100))
def test_answers_are_paid_from_the_first(tokens: list[int], allowance: int) -> None:
    count = paid_for(tokens, allowance)
    assert sum(tokens[:count]) <= allowance
    assert count == len(tokens) or sum(tokens[: count + 1]) > allowance


def test_going_on_costs_what_the_cheapest_item_of_val_costs() -> None:
    """Found among the shortest texts alone, and yet the cheapest of all."""
    env = make({"train_tokens": 10_000})
    env.reset(seed=0)
    cost = env.trainer.cost
    shortest = min(
        cost(env.student, (p.example,)).train_tokens for p in env.state.report.predictions
    )
    assert cost(env.student, (env._cheapest,)).train_tokens == shortest
    assert isinstance(env._cheapest, Example)
