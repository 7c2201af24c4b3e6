"""Probes: what they return, what they cost, and when they are refused."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import TEACHERS
from teachgym.agents.context import Branches, Cells, Classroom, Lessons
from teachgym.engines import ENGINES
from teachgym.envs import FillPlans, OrderShares, SkillObservation, TeacherEnv
from teachgym.envs.rules import EpisodeRules
from teachgym.errors import BudgetError, ConfigError, EpisodeError, UnsupportedError
from teachgym.evaluation import GenerateAndGrade
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Cost, Data, Example, Items, Prompt

N_VAL = 8
"""Items of val: four skills at two levels."""


class ProbedStudent(TableStudent):
    """Scores a target's characters and its end with -1 each; sampled answers are two letters."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text) + 1 for text in texts)

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        self.asked.append({"prompts": list(prompts), "targets": list(targets)})
        return [np.full(len(target) + 1, -1.0) for target in targets]

    def sample(self, prompts: Sequence[Prompt], **how: Any) -> list[list[str]]:
        self.asked.append({"prompts": list(prompts), **how})
        return [["ab"] * how["k"] for _ in prompts]


class StoppingTask(ToyTask):
    stop = (";",)


def make(
    student: TableStudent, tokens: int | None = None, *, steps: int = 5, task: ToyTask | None = None
) -> TeacherEnv:
    task = task or ToyTask(per_cell=1)
    rules = EpisodeRules(budget=Budget(steps=steps, generated_tokens=tokens))
    return TeacherEnv(task, student, RecordingTrainer(), GenerateAndGrade(), rules=rules)


def examples(env: TeacherEnv, count: int) -> Data:
    return tuple(env.task.examples("train")[:count])


def asking(*prompts: str) -> Data:
    return tuple(Example(prompt, "", "copy") for prompt in prompts)


def test_scoring_costs_the_tokens_of_the_targets() -> None:
    """Targets of three letters and their end: four tokens each, four examples, 16 tokens."""
    student = ProbedStudent()
    env = make(student)
    env.reset(seed=0)
    data = examples(env, 4)
    found = env.probes.logprobs(data)
    assert [f.tolist() for f in found] == [[-1.0] * 4] * 4
    assert student.asked == [
        {"prompts": [e.question for e in data], "targets": [e.target for e in data]}
    ]
    assert env.spent == Cost(generated_tokens=16)


def test_sampling_costs_the_tokens_of_the_answers() -> None:
    """Two prompts, three answers of two letters and an end: 2 * 3 * 3 = 18 tokens."""
    student = ProbedStudent()
    env = make(student, task=StoppingTask(per_cell=1))
    env.reset(seed=0)
    assert env.probes.sample(asking("a", "b"), k=3, temperature=0.5, seed=7) == [["ab"] * 3] * 2
    assert env.spent.generated_tokens == 18
    (how,) = student.asked
    assert how == {
        "prompts": [Prompt("a"), Prompt("b")],
        "k": 3,
        "temperature": 0.5,
        "seed": 7,
        "stop": (";",),
    }


def test_scoring_is_paid_in_advance_and_leaves_the_price_of_an_evaluation() -> None:
    """An evaluation took 16 tokens: 20 with the margin. Four targets cost 16: 36 are enough."""
    for tokens, allowed in ((36, True), (35, False)):
        student = ProbedStudent()
        env = make(student, tokens)
        env.reset(seed=0)
        if allowed:
            env.probes.logprobs(examples(env, 4))
            assert env.ledger.remaining("generated_tokens") == 20
        else:
            with pytest.raises(BudgetError, match="generated_tokens"):
                env.probes.logprobs(examples(env, 4))
            assert student.asked == []
            assert env.spent.generated_tokens == 0


def test_sampling_must_be_affordable_as_expected_and_as_it_came_out() -> None:
    """Six answers of 2 with the margin: 15, and 20 for the evaluation. They come out at 18.

    So 34 are not enough to ask, 37 not enough to be told, and neither is spent; 38 are enough.
    """
    for tokens, asked, allowed in ((38, 1, True), (37, 1, False), (34, 0, False)):
        student = ProbedStudent()
        env = make(student, tokens)
        env.reset(seed=0)
        if allowed:
            env.probes.sample(asking("a", "b"), k=3)
        else:
            with pytest.raises(BudgetError, match="generated_tokens"):
                env.probes.sample(asking("a", "b"), k=3)
            assert env.spent.generated_tokens == 0
        assert len(student.asked) == asked


def test_after_probing_a_step_can_always_be_made() -> None:
    env = make(ProbedStudent(), 80)
    env.reset(seed=0)
    env.probes.logprobs(examples(env, 4))
    _, _, _, _, info = env.step(examples(env, 8))
    assert info["metrics"]["accepted"] == 8
    assert env.spent.generated_tokens <= 80


def test_after_the_end_nothing_is_kept_back() -> None:
    """112 tokens: a step with no data, the last one, costs none; 14 samples of 8 cost them all."""
    env = make(ProbedStudent(), 112, steps=1)
    env.reset(seed=0)
    env.step(())
    assert env.probes.sample(asking("a"), k=14)
    assert env.spent.generated_tokens == 42


def test_the_price_of_a_step_holds_what_was_probed_before_it() -> None:
    env = make(ProbedStudent())
    env.reset(seed=0)
    env.probes.logprobs(examples(env, 4))
    prices = [env.step(())[4]["cost"].generated_tokens for _ in range(2)]
    assert prices == [16, 0]
    assert env.spent.generated_tokens == 16


def test_probes_are_reached_through_wrappers() -> None:
    base = make(ProbedStudent())
    engine = ENGINES.make("procedural", base.task)
    env: gym.Env[Any, Any] = SkillObservation(OrderShares(FillPlans(base, engine)))
    env.reset(seed=0)
    probes = env.get_wrapper_attr("probes")
    assert len(probes.logprobs(examples(base, 2))) == 2
    assert probes.sample(asking("a"), k=1) == [["ab"]]


def test_a_restored_snapshot_has_the_price_of_its_probes() -> None:
    env = make(ProbedStudent())
    env.reset(seed=0)
    env.probes.logprobs(examples(env, 4))
    snapshot = env.snapshot()
    env.probes.logprobs(examples(env, 4))
    env.restore(snapshot)
    assert env.spent.generated_tokens == 16


@pytest.mark.parametrize(
    ("name", "cannot"),
    [("logprobs", "cannot give log-probabilities"), ("sample", "answers greedily only")],
)
def test_a_student_that_cannot_do_it_says_so(name: str, cannot: str) -> None:
    env = make(TableStudent())
    env.reset(seed=0)
    how = {} if name == "logprobs" else {"k": 1}
    with pytest.raises(UnsupportedError, match=f"TableStudent {cannot}"):
        getattr(env.probes, name)(examples(env, 1), **how)


def test_bad_probes_are_refused() -> None:
    env = make(ProbedStudent())
    with pytest.raises(EpisodeError, match="reset"):
        env.probes.logprobs(())
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="k is 0"):
        env.probes.sample(asking("a"), k=0)
    assert env.probes.logprobs(()) == []
    assert env.spent.generated_tokens == 0


def test_greedy_answers_cost_their_tokens_and_follow_the_prefix() -> None:
    """Two answers of one character and an end: 4 tokens."""
    student = ProbedStudent()
    env = make(student)
    env.reset(seed=0)
    assert env.probes.greedy(asking("a", "b")) == ["?", "?"]
    assert env.spent.generated_tokens == 4
    env.probes.sample(asking("a"), k=1, prefix="Think. ")
    env.probes.logprobs(asking("a"), prefix="Think. ")
    assert [asked["prompts"] for asked in student.asked] == [[Prompt("Think. a")]] * 2


@pytest.mark.parametrize("split", ["train", "val"])
def test_items_of_the_task_are_asked_about_by_their_places(split: Any) -> None:
    student = ProbedStudent()
    env = make(student)
    env.reset(seed=0)
    whole = env.task.examples(split)
    assert env.probes.labels(Items(split)) == [(e.skill, e.difficulty) for e in whole]
    assert len(env.probes.logprobs(Items(split, (3, 1)))) == 2
    assert student.asked[-1]["prompts"] == [whole[3].question, whole[1].question]


def test_test_cannot_be_probed_nor_a_place_that_is_not_there() -> None:
    env = make(ProbedStudent())
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="only train and val can be probed"):
        env.probes.labels(Items("test"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="place 8 is outside the 8 items of val"):
        env.probes.greedy(Items("val", (8,)))


def test_probes_do_not_keep_their_environment() -> None:
    env = make(ProbedStudent())
    env.reset(seed=0)
    probes = env.probes
    del env
    gc.collect()
    with pytest.raises(EpisodeError, match="is gone"):
        probes.labels(Items("val"))


@pytest.mark.sweep(20)
@pytest.mark.parametrize("name", TEACHERS)
def test_every_registered_teacher_is_given_probes(name: str) -> None:
    """Its own environment's, of a simulated student, through what it may know beforehand."""
    kind = TEACHERS[name].kinds[0].env
    views = TEACHERS[name].env.get(kind, {})
    few = {"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1}
    env = gym.make(f"teachgym/{kind}-v0", student="simulated", task_settings=few, **views)
    env.reset(seed=0)
    for known in (Cells, Branches, Lessons, Classroom):
        with suppress(AssertionError):
            probes = known.of(env).probes  # type: ignore[attr-defined]
            assert probes is env.get_wrapper_attr("probes")
            assert len(probes.greedy(Items("val", (0, 1)))) == 2
