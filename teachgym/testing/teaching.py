"""``check_engine``, ``check_teacher`` and ``check_reward``: do they keep their contracts?"""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.envs.wrappers.stop import whole_action
from teachgym.errors import UnknownSkillError
from teachgym.protocols import DataEngine, Reward, Task, Teacher
from teachgym.testing import contract as c
from teachgym.testing.contract import checking, require
from teachgym.types import (
    NOT_MEASURED,
    Cost,
    Data,
    Example,
    Order,
    Plan,
    Prediction,
    Report,
    Skill,
    Transition,
)


@checking("engine")
def check_engine(engine: DataEngine, task: Task, *, count: int = 5) -> None:
    """Check what an engine makes of one order of ``count`` examples for each skill of its task.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    require(isinstance(engine, DataEngine), c.ENGINE_HAS_EVERY_MEMBER, type(engine).__name__)
    require(engine.generate(Plan(), np.random.default_rng(0)) == (), c.NO_ORDERS_NO_EXAMPLES)
    for skill in task.skills:
        plan = Plan((Order(skill.name, count),))
        data = engine.generate(plan, np.random.default_rng(0))
        again = engine.generate(plan, np.random.default_rng(0))
        require(data == again, c.ENGINE_DEPENDS_ON_RNG_ONLY, f"two answers to {plan}")
        require(len(data) <= count, c.ORDERS_ARE_LIMITS, f"{len(data)} for {count}")
        _check_made(data, skill, task)
        ordered = Plan((Order(skill.name, count, subskill="an invented subskill"),))
        for example in engine.generate(ordered, np.random.default_rng(0)):
            made = example.provenance
            named = made is not None and made.subskill == "an invented subskill"
            require(named, c.ENGINE_NAMES_SUBSKILLS, example)
    try:
        engine.generate(Plan((Order("no such skill", 1),)), np.random.default_rng(0))
    except UnknownSkillError:
        return
    require(False, c.ENGINE_REFUSES_UNKNOWN_SKILLS, "no error")


def _check_made(data: Data, skill: Skill, task: Task) -> None:
    parent = {s.name: s.parent for s in task.skills}
    for example in data:
        above: str | None = example.skill
        while above not in (skill.name, None):
            above = parent.get(above)
        require(
            above is not None, c.ENGINE_KEEPS_TO_THE_SKILL, f"{example.skill!r} for {skill.name!r}"
        )
        signed = example.source == "teacher" and example.provenance and example.provenance.teacher
        require(bool(signed), c.ENGINE_SIGNS_EXAMPLES, example)


@checking("teacher")
def check_teacher(
    teacher: Teacher[Any, Any], env: gym.Env[Any, Any], *, max_steps: int = 20
) -> None:
    """Check a teacher in two episodes of at most ``max_steps`` steps with the same seed.

    Args:
        teacher: the teacher.
        env: an environment it can act in; equal seeds must give equal episodes.
        max_steps: where the episodes are broken off.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    require(bool(teacher.name), c.TEACHER_HAS_A_NAME, repr(teacher.name))
    first = _actions(teacher, env, max_steps)
    second = _actions(teacher, env, max_steps)
    require(first == second, c.EQUAL_SEEDS_ACT_EQUALLY, f"{first}, then {second}")


def _actions(teacher: Teacher[Any, Any], env: gym.Env[Any, Any], max_steps: int) -> list[Any]:
    """The actions of an episode as JSON, which can be compared whatever the space."""
    teacher.reset(0)
    observation, _ = env.reset(seed=0)
    actions: list[Any] = []
    for _ in range(max_steps):
        before = env.observation_space.to_jsonable([observation])
        action = teacher.act(observation)
        after = env.observation_space.to_jsonable([observation])
        require(before == after, c.ACT_LEAVES_THE_OBSERVATION)
        whole = whole_action(env.action_space, action)
        require(env.action_space.contains(whole), c.ACTIONS_ARE_IN_THE_SPACE, repr(action))
        actions.append(env.action_space.to_jsonable([action]))
        following, reward, terminated, truncated, info = env.step(action)
        teacher.observe(
            Transition(observation, action, float(reward), following, terminated, truncated, info)
        )
        if terminated or truncated:
            break
        observation = following
    return actions


@checking("reward")
def check_reward(reward: Reward) -> None:
    """Check a reward on reports of a few answers, right, wrong and not measured.

    Raises:
        ConformanceError: with the broken clause of ``teachgym.testing.contract``.
    """
    before, after = _report(0.0, 1.0, NOT_MEASURED), _report(1.0, 0.5, NOT_MEASURED)
    for one, other in ((before, after), (after, before), (before, before)):
        for cost in (Cost(), Cost(steps=1, examples=100, train_tokens=10_000)):
            paid, again = (reward(one, other, cost) for _ in range(2))
            require(math.isfinite(paid), c.REWARDS_ARE_FINITE, paid)
            require(paid == again, c.REWARD_IS_PURE, f"{paid}, then {again}")
    nothing = reward(before, before, Cost())
    require(nothing == 0, c.NO_CHANGE_PAYS_NOTHING, nothing)


def _report(*scores: float) -> Report:
    examples = (Example(f"{i}?", f"{i}", f"skill-{i % 2}", id=str(i)) for i in range(len(scores)))
    answered = (Prediction(e, e.target, s) for e, s in zip(examples, scores, strict=True))
    return Report(tuple(answered), "val")
