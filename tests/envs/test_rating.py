"""Teachers that are paid by ratings of a teacher model: values and prices by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

from teachgym.envs.config import OpenEndedConfig
from teachgym.envs.forks import Forks
from teachgym.envs.rating import Rater, rater_of
from teachgym.errors import ConfigError
from teachgym.records import example_from_json, example_to_json
from teachgym.testing import TableStudent, ToyTask
from teachgym.testing.toy import solve, split_prompt
from teachgym.training.judges import Judge, LikelihoodJudge
from teachgym.training.teacher_registry import make_teacher_model
from teachgym.types import Cost, Data, Example, Order, Plan, Provenance
from tests.training.test_teacher_settings import Quiet

TASK = ToyTask()
RIGHT = tuple(replace(e, id="", source="teacher") for e in TASK.examples("train")[:12])
WRONG = tuple(replace(e, target="?") for e in RIGHT)
MIXED = (RIGHT[0], WRONG[1], RIGHT[2], RIGHT[3])


class KnowingJudge(Judge):
    """Gives 1 to what the toy task's prompt asks for, and to the answers of other tasks, else 0."""

    def judge(self, examples: Data, answers: Sequence[str]) -> tuple[list[float], Cost]:
        right = (solve(e.prompt) if split_prompt(e.prompt)[0] else e.target for e in examples)
        scores = [float(a == r) for a, r in zip(answers, right, strict=True)]
        return scores, Cost(teacher_calls=len(answers))

    def bound(self, examples: Data, k: int, longest: int) -> Cost:
        return Cost(teacher_calls=k * len(examples))


class Knowing(Quiet):
    """Judges by what prompts ask for."""

    def __init__(self, task: Any) -> None:
        pass

    @property
    def judge(self) -> KnowingJudge:
        return KnowingJudge()


KNOWING = f"{__name__}:Knowing"


def make(**settings: Any) -> gym.Env[Any, Any]:
    plain: dict[str, Any] = {
        "task": "teachgym.testing:ToyTask",
        "student": "simulated",
        "examples_per_step": 4,
        "budget": {"steps": 3},
        "gate_settings": {"verify": False},
        "proxy": "quality",
        "teacher_model": KNOWING,
    }
    env: gym.Env[Any, Any] = gym.make("teachgym/OpenEnded-v0", **{**plain, **settings})
    env.reset(seed=0)
    return env


class Half(TableStudent):
    """Gives every token of a target the probability 1/2."""

    def logprobs(self, prompts: Any, targets: Any) -> list[Any]:
        return [[math.log(0.5)] * len(t) for t in targets]


# -- what is paid ----------------------------------------------------------------------------


def test_the_reward_is_the_mean_rating_and_each_rating_is_a_call() -> None:
    """Three of four targets are right; then one of two."""
    env = make(reward_scale=10)
    _, reward, *_, info = env.step(MIXED)
    assert reward == pytest.approx(7.5)
    assert [e.provenance.rating for e in info["data"]] == [1, 0, 1, 1]
    assert info["cost"].teacher_calls == 4
    assert env.step((RIGHT[4], WRONG[5]))[1] == pytest.approx(5)
    assert env.step(())[1] == 0


def test_ratings_are_paid_for_before_they_are_asked() -> None:
    """Six calls are left for two steps of four: two examples of the second wait in vain."""
    env = make(budget={"steps": 3, "teacher_calls": 6})
    assert env.step(MIXED)[4]["stop_reason"] == ""
    _, reward, _, _, info = env.step((WRONG[4], *RIGHT[5:8]))
    assert reward == 0.5
    assert [v.reason for v in info["rejected"]] == ["budget"] * 2
    assert info["cost"].teacher_calls == 2
    assert info["stop_reason"] == "teacher_calls"


def test_data_that_waits_for_its_training_is_rated_once() -> None:
    """Of nine calls four are left after the first step, and one after the second."""
    env = make(budget={"steps": 3, "teacher_calls": 9}, train_every=2)
    for data, calls in ((MIXED, 4), (RIGHT[4:8], 4)):
        assert env.step(data)[4]["cost"].teacher_calls == calls
    info = env.step(RIGHT[8:])[4]
    assert (len(info["data"]), info["cost"].teacher_calls) == (1, 1)


def test_nobody_rates_where_nothing_is_paid_for_it() -> None:
    info = make(proxy="learnability").step(MIXED)[4]
    assert info["cost"].teacher_calls == 0
    assert {e.provenance.rating for e in info["data"]} == {None}


def test_what_a_teacher_writes_as_a_rating_is_not_kept() -> None:
    env = make()
    boast = replace(WRONG[0], provenance=Provenance(rating=1.0))
    _, reward, *_, info = env.step((boast,))
    assert reward == info["data"][0].provenance.rating == 0
    malformed = replace(WRONG[1], provenance=Provenance(rating=2.0))
    verdict = env.step((malformed,))[4]["rejected"][0]
    assert "rating is 2.0; it must be a number from 0 to 1" in verdict.detail


def test_what_comes_with_a_rating_is_paid_for_like_the_rest() -> None:
    """Three calls are left for four examples, which a recording rated once."""
    env = make(budget={"steps": 3, "teacher_calls": 3})
    rated = tuple(replace(e, provenance=Provenance(rating=1.0)) for e in MIXED)
    info = env.step(rated)[4]
    assert info["cost"].teacher_calls == len(info["data"]) == 3
    assert [(v.reason, v.example) for v in info["rejected"]] == [("budget", rated[3])]


def test_forks_pay_what_the_environment_does() -> None:
    """All that the engine makes is right."""
    forks = Forks(
        "SkillList", 2, student="simulated", proxy="quality", teacher_model=KNOWING, action="plan"
    )
    plans = [Plan(), Plan((Order("add", 3),))]
    branch = forks.branch(forks.start(0), plans)
    assert branch.rewards.tolist() == [0, 1]
    assert branch.cost.teacher_calls == 3


# -- raters ----------------------------------------------------------------------------------


def test_language_models_rate_by_likelihood_and_their_tokens_are_charged() -> None:
    """1/2 for every target; 8 characters of a prompt and 2 of a target, bounded by the longest."""
    rater = Rater(LikelihoodJudge(Half()))
    data: Data = (Example("copy: ab", "ab", "copy"), Example("copy: abcd", "abcd", "copy"))
    rated, cost = rater.rate(data)
    assert [e.provenance.rating for e in rated if e.provenance] == pytest.approx([0.5, 0.5])
    assert cost == Cost(teacher_tokens_in=8 + 10 + 2 + 4)
    assert rater.price(data, Half()) == Cost(teacher_tokens_in=8 + 10 + 2 * 4)
    assert rater.price(rated, Half()) == Cost()
    assert rater.rate(rated) == (rated, Cost())


def replies(messages: Any, schema: Any, draw: int) -> str:
    """Scores 7 of 10, and nothing readable for ``no``."""
    if "\nno\n" in messages[-1]["content"]:
        return "I cannot say."
    return json.dumps({"items": [{"solution": "", "score": 7}]})


def test_auxiliary_texts_and_what_cannot_be_told_have_no_rating() -> None:
    chat = {"provider": "python", "cache": "off", "workers": 1, "model": f"{__name__}:replies"}
    data = (Example("q", "yes", "copy"), Example("q", "no", "copy"))
    text = Example("q", "yes", "copy", kind="hint")
    rated, cost = rater_of(make_teacher_model("chat", TASK, chat)).rate((*data, text))
    assert [e.provenance and e.provenance.rating for e in rated] == [0.7, None, None]
    assert cost.teacher_calls == 2


def test_ratings_are_recorded_where_there_are_any() -> None:
    example = Example("q", "t", "copy", provenance=Provenance(rating=0.25))
    record = example_to_json(example)
    assert record["provenance"]["rating"] == 0.25
    assert example_from_json(record) == example
    assert "rating" not in example_to_json(replace(example, provenance=Provenance()))["provenance"]


def test_nobody_to_rate_is_refused_before_anything_is_made() -> None:
    for name in ("quality", "teachgym.rewards:quality"):
        with pytest.raises(ConfigError, match="pays the ratings of a teacher model, and there is"):
            OpenEndedConfig(proxy=name)
    with pytest.raises(ConfigError, match="Quiet judges nothing, and proxy='quality' pays"):
        rater_of(Quiet())
    with pytest.raises(ConfigError, match="teacher_model is 'oracle', which needs texts"):
        gym.make(
            "teachgym/SkillList-v0",
            student="simulated",
            texts=False,
            proxy="quality",
            teacher_model="oracle",
        )
