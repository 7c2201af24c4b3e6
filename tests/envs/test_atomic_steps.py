"""Whatever fails in a step: nothing is charged, no step is counted, and all is as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import data_equivalence

from teachgym.envs.base import base_of
from teachgym.types import Cost, Incident
from tests.envs.forms import FORMS, SMALL, make, rewind, state_of


class Broken(RuntimeError):
    """What the parts under test die of."""


@contextmanager
def broken(owner: Any, name: str, *, late: bool) -> Iterator[None]:
    """While it holds, a method raises, before or after it has done its work."""
    right = getattr(owner, name)

    def fail(*args: Any, **kwargs: Any) -> Any:
        if late:
            right(*args, **kwargs)
        raise Broken(name)

    had = vars(owner).get(name) if hasattr(owner, "__dict__") else None
    object.__setattr__(owner, name, fail)
    try:
        yield
    finally:
        object.__delattr__(owner, name) if had is None else object.__setattr__(owner, name, had)


def stage(env: gym.Env[Any, Any], name: str) -> tuple[Any, str]:
    """Who does this part of a step, and with which method."""
    base = base_of(env)
    return {
        "gate": (base.gate, "inspect"),
        "training": (base.trainer, "train"),
        "evaluation": (base.evaluator, "evaluate"),
        "counting": (base.student, "count_tokens"),
        "reward": (base, "reward"),
        "end": (base, "_stop_reason"),
    }.get(name) or {
        "engine": lambda: (env.get_wrapper_attr("engine"), "generate"),
        "proposer": lambda: (env.get_wrapper_attr("proposer"), "propose"),
    }[name]()


STAGES = ("gate", "training", "evaluation", "counting", "reward", "end")
CASES = [
    *((form, part) for form in ("examples", "shares", "tree") for part in STAGES),
    *((form, "engine") for form in ("plan", "shares-flat", "tree-flat", "moves")),
    *((form, "proposer") for form in ("tree", "moves")),
]


@pytest.mark.sweep(16)
@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize(("form", "part"), CASES)
def test_a_step_that_fails_has_not_happened(form: str, part: str, late: bool) -> None:
    """The next step is that of a twin that never failed."""
    env, twin = rewind(form)
    before, action = state_of(env), busy_action(env, form)
    owner, name = stage(env, part)
    with broken(owner, name, late=late), pytest.raises(Broken):
        env.step(action)
    assert state_of(env) == before
    one, other = env.step(action), twin.step(action)
    assert data_equivalence(one[:4], other[:4], exact=True)
    assert one[4]["data"] == other[4]["data"] != ()
    assert one[4]["cost"] == other[4]["cost"]


def busy_action(env: gym.Env[Any, Any], form: str) -> Any:
    """An action that has something made, trained and explored."""
    task = env.get_wrapper_attr("task")
    if form == "examples":
        return tuple(task.examples("train")[40:50])
    env.action_space.seed(4)
    action = env.action_space.sample()
    if form == "tree":
        action["explore"][:], action["examples"][:] = 1, 1
    if form == "plan":
        return next(a for a in iter(env.action_space.sample, None) if a.total > 0)
    return action


def test_what_an_engine_has_charged_and_noted_before_it_fails_is_not_kept() -> None:
    env = make(FORMS["plan"])
    env.reset(seed=0)
    engine, ledger = env.get_wrapper_attr("engine"), env.get_wrapper_attr("ledger")

    def generate(plan: Any, rng: Any) -> Any:
        ledger.record(Cost(teacher_calls=3, dollars=1.0))
        ledger.note(Incident("retry"))
        raise KeyboardInterrupt

    object.__setattr__(engine, "generate", generate)
    with pytest.raises(KeyboardInterrupt):
        env.step(busy_action(env, "plan"))
    assert (ledger.spent, ledger.incidents) == (Cost(), [])


def test_a_row_that_fails_is_as_before_and_the_others_have_stepped() -> None:
    id_, own = FORMS["shares"]
    envs: Any = gym.make_vec(id_, num_envs=3, **{**SMALL, **own})
    envs.reset(seed=[1, 2, 3])
    before = [state_of(env) for env in envs.envs]
    rows = dict(enumerate([envs.single_action_space.sample() for _ in range(3)]))
    base = base_of(envs.envs[1])
    with broken(base, "reward", late=True), pytest.raises(Exception, match="row 1: Broken"):
        envs.step_rows(rows)
    after = [base_of(env).state.step for env in envs.envs]
    assert after == [1, 0, 1]
    assert state_of(envs.envs[1]) == before[1]


@pytest.mark.parametrize("backend", ["local", "hf"])
def test_a_real_student_gets_its_weights_back(backend: str) -> None:
    """Training has changed them when the evaluation fails."""
    env = gym.make(
        "teachgym/OpenEnded-v0",
        student="tiny",
        student_settings={"backend": backend},
        trainer_settings={"epochs": 1} if backend == "local" else {},
        **{k: v for k, v in SMALL.items() if k != "student"},
    )
    env.reset(seed=0)
    base = base_of(env)
    data = tuple(base.task.examples("train")[:16])
    weights = base.student.save()
    with broken(base.evaluator, "evaluate", late=False), pytest.raises(Broken):
        env.step(data)
    assert base.student.save() == weights
    assert base.spent == Cost()
