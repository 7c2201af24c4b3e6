"""A teacher that errs as told, and the engine that has its errors made good at a price."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.engines import ENGINES
from teachgym.errors import ConfigError
from teachgym.ledger import Ledger
from teachgym.loop import run_episode
from teachgym.tasks import make_task
from teachgym.testing import ToyTask, check_engine
from teachgym.types import Budget, Data, Order, Plan

TASK = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
PLAN = Plan((Order("add", 300, 0.5), Order("rotl", 300, 0.5)))


def made(name: str, seed: int = 0, meter: Any = None, plan: Plan = PLAN, **settings: Any) -> Data:
    engine = ENGINES.make(name, TASK, settings=settings, meter=meter)
    return engine.generate(plan, np.random.default_rng(seed))


def right(data: Data) -> list[bool]:
    return [TASK.verify(example) >= 1 for example in data]


@pytest.mark.parametrize("name", ["imperfect", "verified", "similar"])
def test_the_contract(name: str) -> None:
    check_engine(ENGINES.make(name, TASK), TASK)


def test_errors_are_as_frequent_as_told_and_confidence_is_calibrated() -> None:
    """Of 600 targets 240 are wrong, within four standard errors of 12; so in each third.

    With concentration 2 and 0.4 the chances of errors are Beta(0.8, 1.2). In each third of them
    the share of errors is the mean chance, within four times sqrt(1/4 / 200) = 0.035.
    """
    data = made("imperfect", wrong=0.4, concentration=2.0)
    assert abs(len(data) - sum(right(data)) - 240) < 48
    ranked = sorted(data, key=lambda e: e.meta["confidence"])
    for third in (ranked[:200], ranked[200:400], ranked[400:]):
        confidence = np.mean([e.meta["confidence"] for e in third])
        assert abs(np.mean(right(tuple(third))) - confidence) < 0.142


def test_confidence_can_say_everything_or_nothing() -> None:
    """With concentration 1e-3 errors are those of confidence 0; with 1e6 all are sure by 0.6."""
    told = made("imperfect", wrong=0.4, concentration=1e-3)
    assert [e.meta["confidence"] > 0.5 for e in told] == right(told)
    silent = made("imperfect", wrong=0.4, concentration=1e6)
    assert all(abs(e.meta["confidence"] - 0.6) < 0.01 for e in silent)


def test_prompts_are_those_of_the_other_engine_and_seeds_decide() -> None:
    again = made("imperfect")
    assert again == made("imperfect")
    assert again != made("imperfect", 1)
    assert all(e.spans == () and e.rejected is None for e in again)


def test_auxiliary_text_is_passed_on_for_nothing() -> None:
    """Of 60 that are ordered, 30 are exercises and 30 lead back to them."""
    ledger = Ledger(Budget())
    plan = Plan((Order("add", 60, 0.5),))
    data = made("imperfect", meter=ledger.meter, plan=plan, engine="backward")
    assert len(data) == 60
    assert ledger.spent.teacher_calls == 30


def test_every_exercise_is_a_call_and_none_is_made_without_means() -> None:
    for limit, expected in ((None, 600), (1000, 600), (50, 50)):
        ledger = Ledger(Budget(teacher_calls=limit))
        assert len(made("imperfect", meter=ledger.meter)) == expected
        assert ledger.spent.teacher_calls == expected


def test_verified_examples_are_right_and_each_attempt_is_paid() -> None:
    """With 0.4 errors in n attempts each, 600 (1 + 0.4 + 0.4^2 ...) calls, all but 0.4^n are right.

    Five attempts: 600 * 1.6496 = 990 calls and 600 * 0.98976 = 594 examples, of which 4 standard
    errors are 4 * sqrt(600 * 0.4 / 0.36) = 103 and 4 * sqrt(600 * 0.0101) = 10.
    """
    ledger = Ledger(Budget())
    data = made("verified", meter=ledger.meter, engine_settings={"wrong": 0.4})
    assert all(right(data))
    assert abs(ledger.spent.teacher_calls - 990) < 103
    assert abs(len(data) - 594) < 10
    noted = [incident.event for incident in ledger.incidents]
    assert noted == ["unverified"] * (ledger.spent.teacher_calls - len(data))
    once = Ledger(Budget())
    kept = made("verified", meter=once.meter, engine_settings={"wrong": 0.4}, attempts=1)
    assert once.spent.teacher_calls == 600
    assert abs(len(kept) - 360) < 48


def test_an_order_keeps_its_own_attempts() -> None:
    """No order gets more than it asked for, however the attempts fall."""
    plan = Plan((Order("add", 7, 0.5), Order("add", 3, 0.0), Order("copy", 0)))
    data = made("verified", plan=plan, engine_settings={"wrong": 0.5}, attempts=50)
    assert [e.difficulty for e in data] == [0.5] * 7 + [0.0] * 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "imperfect", "engine_settings": {"wrong": 1.0}}, "wrong"),
        ({"engine": "verified", "engine_settings": {"attempts": 0}}, "attempts"),
        ({"engine": "verified", "engine_settings": {"engine_settings": {"wrog": 1}}}, "wrog"),
        ({"engine": "similar", "engine_settings": {"most_alike": 0.0}}, "most_alike"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_made(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        gym.make("teachgym/SkillList-v0", student="simulated", **settings)


def test_unverified_verified_and_chosen_data_in_an_environment() -> None:
    """Who keeps everything has a third of it wrong; who chooses by confidence, less."""
    quality = {}
    for name in ("random", "llkd-like"):
        share = {"share": 1.0} if name == "random" else {"signals": "writer"}
        env = gym.make(
            "teachgym/SkillList-v0",
            student="simulated",
            task=TASK,
            engine="imperfect",
            examples_per_step=200,
            gate_settings={"verify": False},
            gate_checks=[{"name": name, **share}],
            budget={"steps": 2},
        )
        episode = run_episode(env, make_teacher("uniform", env), seed=0)
        metrics = episode.transitions[0].info["metrics"]
        quality[name] = metrics["quality"]
        assert episode.transitions[0].info["cost"].teacher_calls == 200
    assert abs(quality["random"] - 0.7) < 0.15
    assert quality["llkd-like"] > quality["random"] + 0.1


# -- similar -------------------------------------------------------------------------------


def test_seeds_take_turns_and_are_not_repeated() -> None:
    first, second, *_ = (e for e in TASK.examples("train") if e.skill == "add")
    order = Order("add", 5, seeds=(first.id, second.id))
    data = made("similar", plan=Plan((order,)))
    levels = [(e.skill, e.difficulty) for e in (first, second)]
    assert [(e.skill, e.difficulty) for e in data] == [*levels, *levels, levels[0]]
    assert [e.provenance.seeds for e in data if e.provenance] == [
        (s.id,) for s in (first, second)
    ] * 2 + [(first.id,)]
    assert len({e.prompt for e in data} | {first.prompt, second.prompt}) == 7
    assert all(right(data))


def test_without_seeds_the_pool_gives_them() -> None:
    data = made("similar", plan=Plan((Order("add", 1, 0.5),)))
    assert {(e.skill, e.difficulty) for e in data} == {("add", 0.5)}


def test_what_would_repeat_a_seed_is_given_up() -> None:
    """No two prompts share a word at 0.01 at most, so after the seed nothing is left."""
    assert made("similar", plan=Plan((Order("add", 3, 0.5),)), most_alike=0.01) == ()


def test_similar_needs_a_task_that_makes_exercises() -> None:
    class Given(ToyTask):
        is_procedural = False  # type: ignore[assignment]

    with pytest.raises(ConfigError, match="use engine='llm'"):
        ENGINES.make("similar", Given())
