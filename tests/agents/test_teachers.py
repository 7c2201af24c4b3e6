"""What holds for every registered teacher: legal actions, exact replay, learning, clear errors."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box

from teachgym.agents import (
    REQUIRED,
    TEACHERS,
    Kind,
    kind_of,
    make_teacher,
    teacher_entry,
    teacher_settings,
)
from teachgym.assembly import check_config
from teachgym.chat.scripted import Scripted
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.loop import run_episode
from teachgym.protocols import Teacher
from teachgym.runs.config import RunConfig
from teachgym.spaces import ReportSpace
from teachgym.types import Transition
from tests.agents.worlds import ListWorld, OpenWorld, TreeWorld, list_observation, make_pool

NEEDED: dict[str, dict[str, Any]] = {
    "fixed": {"mixtures": [{"skill-0": 1}, {"skill-1": 2, "skill-0": 1}]},
    "oracle": {"learnable": ["skill-3"]},
    "planned": {"plan": [[1, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 0]]},
    "best-constant": {"allocation": [0, 0, 0, 1, 0, 0, 0, 1]},
    "trained": {"path": "small"},
    "pool": {"pool": make_pool(["add", "sort"], 12)},
    "llm": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
    "llm-pgkd": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
    "llm-text": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
    "llm-best-of-n": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
}
"""Values for the settings that have no default."""

EXAMINERS = ["tailored", "say-self", "uncertainty-proposer", "difficulty-proposer"]
"""Teachers that ask the student, which these worlds do not have."""

ONE_KIND = [
    name
    for name, entry in TEACHERS.items()
    if len(entry.kinds) == 1 and not entry.kinds[0].action and name not in EXAMINERS
]
"""Teachers of several kinds, of texts and of plans use words, which these worlds do not speak."""

AHEAD = ["best-of-n", "beam", "grounded-proposer"]
"""Teachers that decide by what they try, which observations do not tell."""

LIST_TEACHERS = [
    n
    for n, entry in TEACHERS.items()
    if entry.kinds == (Kind("SkillList"),) and n not in ("nothing", *EXAMINERS)
]
AIDING = ["few-shot", "interventions", "guidance", "knowledge", "lbt"]
SEARCHED = ["planned", "best-constant", "dirichlet"]
FOLLOW_LOSSES = ["adarft", "odm", "skill-it", "excess-loss", "ddk"]
LEARNERS = [
    n
    for n in LIST_TEACHERS
    if n
    not in ("uniform", "trained", *AIDING, "fixed", "oracle", "weakest", *SEARCHED, *FOLLOW_LOSSES)
]
RATES = [0, 0, 0, 1.0, 0, 0, 0, 0]
"""Skill 3 is the one that can be learned."""


def world_of(name: str, **settings: Any) -> gym.Env[Any, Any]:
    kind = TEACHERS[name].kinds[0].env
    if kind == "SkillList":
        return ListWorld(RATES, **settings)
    return TreeWorld([2, 4, 0]) if kind == "SkillTree" else OpenWorld({"add": 0.2, "sort": 0.7})


def teacher_of(name: str, env: gym.Env[Any, Any], **settings: Any) -> Teacher[Any, Any]:
    return make_teacher(name, env, **{**NEEDED.get(name, {}), **settings})


@pytest.mark.sweep(25)
@pytest.mark.parametrize("name", ONE_KIND)
def test_every_teacher_lives_through_an_episode_of_legal_actions(name: str) -> None:
    """The worlds assert that each action is in their action space, which excludes nan."""
    world = world_of(name)
    teacher = teacher_of(name, world)
    episode = run_episode(world, teacher, seed=0)
    assert episode.length > 2
    assert teacher.name == name


@pytest.mark.sweep(12)
@pytest.mark.parametrize("name", [name for name in ONE_KIND if name not in AHEAD])
def test_replaying_the_observations_gives_the_same_actions(name: str) -> None:
    """A teacher made anew, told only observations, actions and rewards, decides the same.

    It has lived through another episode before: a reset must forget all of it.
    """
    world = world_of(name)
    episode = run_episode(world, teacher_of(name, world), seed=5)
    teacher = teacher_of(name, world)
    run_episode(world, teacher, seed=6)
    teacher.reset(5)
    for t in episode.transitions:
        assert same(teacher.act(t.observation), t.action)
        teacher.observe(
            Transition(t.observation, t.action, t.reward, t.next_observation, t.terminated, False)
        )


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


@pytest.mark.parametrize("name", [name for name in LIST_TEACHERS if name not in AHEAD])
@pytest.mark.parametrize("n", [0, 10], ids=["nothing measured", "a row measured"])
def test_unmeasured_cells_and_an_empty_budget_make_no_nan(name: str, n: int) -> None:
    world = ListWorld(RATES, n_levels=2)
    observation = list_observation(np.zeros((8, 2)).tolist(), [[n, n]] + [[0, 0]] * 7)
    observation["budget_left"] = np.zeros_like(observation["budget_left"])
    teacher = teacher_of(name, world)
    for _ in range(4):
        action = teacher.act(observation)
        assert world.action_space.contains(action)
        assert action.sum() == pytest.approx(1, abs=1e-5)
        teacher.observe(Transition(observation, action, 0.0, observation, False, False))


@pytest.mark.sweep(14)
@pytest.mark.parametrize("name", LIST_TEACHERS)
def test_a_student_that_learns_nothing_gives_every_teacher_a_return_of_zero(name: str) -> None:
    world = ListWorld([0] * 8, noise=0.0)
    assert run_episode(world, teacher_of(name, world), seed=0).return_ == 0


def gain(name: str, start: Any, seeds: int, **settings: Any) -> float:
    """Mean competence gained in the one learnable skill over 12 steps."""
    gains = []
    for seed in range(seeds):
        world = ListWorld(RATES, start=start, steps=12)
        run_episode(world, teacher_of(name, world, **settings), seed=seed)
        gains.append((world.competence - world.start)[3].mean())
    return float(np.mean(gains))


UNIFORM_GAIN = 0.9 * (1 - np.exp(-12 / 24))
NO_OTHER_CAN_BE_LEARNED = 0.1
NO_OTHER_HAS_ERRORS = np.where(np.array(RATES) > 0, 0.1, 1.0)


def test_uniform_gains_what_its_share_of_the_examples_gives() -> None:
    """One of 24 cells gets 12/24 of a step in all: at rate 1 that closes 1 - exp(-1/2) of 0.9."""
    assert gain("uniform", NO_OTHER_CAN_BE_LEARNED, 1) == pytest.approx(UNIFORM_GAIN)


@pytest.mark.sweep(6)
@pytest.mark.parametrize("name", LEARNERS)
def test_teachers_that_learn_find_the_skill_that_can_be_learned(name: str) -> None:
    """Uniform gains 0.35 and the oracle 0.86; learners gain at least 0.44, and less than it."""
    gained = gain(name, NO_OTHER_CAN_BE_LEARNED, 5)
    assert UNIFORM_GAIN + 0.09 < gained < gain("oracle", NO_OTHER_CAN_BE_LEARNED, 1)


@pytest.mark.parametrize("name", ["weakest", "oracle"])
def test_teachers_that_look_at_errors_find_the_skill_that_has_some(name: str) -> None:
    assert gain(name, NO_OTHER_HAS_ERRORS, 6) > UNIFORM_GAIN + 0.3


@pytest.mark.parametrize("name", FOLLOW_LOSSES)
def test_teachers_that_follow_losses_find_the_skill_that_has_some(name: str) -> None:
    """None of them can tell what cannot be learned; some are slow within twelve steps."""
    assert gain(name, NO_OTHER_HAS_ERRORS, 6) > UNIFORM_GAIN + 0.01
    assert gain(name, NO_OTHER_CAN_BE_LEARNED, 6) < UNIFORM_GAIN + 0.01


def test_weakest_loses_to_uniform_where_the_other_errors_cannot_be_mended() -> None:
    """Why learning progress exists."""
    assert gain("weakest", NO_OTHER_CAN_BE_LEARNED, 6) < UNIFORM_GAIN


def area(name: str, **settings: Any) -> float:
    """Mean gain over 12 steps and 6 seeds, of known, fixable and hopeless skills, three of each."""
    gains = []
    for seed in range(6):
        world = ListWorld([1] * 6 + [0] * 3, start=[0.95] * 3 + [0.3] * 3 + [0.1] * 3, steps=12)
        episode = run_episode(world, teacher_of(name, world, **settings), seed=seed)
        gains.append(np.cumsum([t.reward for t in episode.transitions]).mean())
    return float(np.mean(gains))


def test_expected_utility_passes_over_what_is_known_and_what_is_hopeless() -> None:
    """0.079 against 0.062 at random, 0.027 misaligned and 0.010 by confidence.

    Confidence is least in what is hopeless here, so it loses to chance, which the paper's beats.
    """
    by_utility = area("expected-utility")
    assert by_utility > area("expected-utility", rank="random") + 0.01
    assert by_utility > area("expected-utility", misaligned=True) + 0.03
    assert by_utility > area("expected-utility", rank="confidence") + 0.03


@pytest.mark.parametrize("name", TEACHERS)
def test_settings_are_listed_and_the_required_ones_asked_for(name: str) -> None:
    required = {s for s, default in teacher_settings(name).items() if default is REQUIRED}
    assert required == set(NEEDED.get(name, {}))
    if required and not TEACHERS[name].kinds[0].action:  # No world here speaks words.
        with pytest.raises(ConfigError, match=f"needs the setting '{required.pop()}'"):
            make_teacher(name, world_of(name))


def test_settings_reach_the_algorithm_and_the_teacher() -> None:
    teacher: Any = make_teacher("ucb1", ListWorld(RATES), width=0.7, slots=5)
    assert (teacher.bandit.width, teacher.n_slots) == (0.7, 5)
    default: Any = make_teacher("ucb1", ListWorld(RATES))
    assert (default.bandit.width, default.n_slots) == (0.1, 8 // 3)


def test_an_unknown_teacher_is_answered_with_a_suggestion() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown teacher 'unifrom'\. Did you mean 'uniform'"
    ):
        make_teacher("unifrom", ListWorld(RATES))
    with pytest.raises(UnknownNameError, match="Did you mean 'uniform'"):
        teacher_settings("unifrom")


def test_an_unknown_setting_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"'powr' of .*. Did you mean 'power'\? Known: power, top"
    ):
        make_teacher("weakest", ListWorld(RATES), powr=2)
    with pytest.raises(ConfigError, match="'uniform' has no settings; 'power' was given"):
        make_teacher("uniform", ListWorld(RATES), power=2)


def test_a_teacher_for_another_environment_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'ucb1' is for SkillList .* this one is SkillTree; "):
        make_teacher("ucb1", TreeWorld([2]))
    with pytest.raises(ConfigError, match="for OpenEnded there are: llm, pool"):
        make_teacher("uniform", OpenWorld({"add": 0.5}))


def test_observations_that_a_teacher_cannot_read_are_refused() -> None:
    """It failed in its first step, once the student was loaded. Who reads none may have any."""
    world = ListWorld(RATES)
    world.observation_space = ReportSpace(world.skills)  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"reads observation='arrays' of SkillList .* 'report'"):
        make_teacher("weakest", world)
    assert make_teacher("uniform", world).name == "uniform"
    for teacher, env, form in (
        ("alp", "SkillList", "text"),
        ("fill-and-balance", "SkillTree", "report"),
        ("tailored", "OpenEnded", "arrays"),
    ):
        settings = {"student": "simulated", "observation": form}
        with pytest.raises(ConfigError, match=f"{teacher}' reads observation=.* has '{form}'"):
            check_config(RunConfig(f"teachgym/{env}-v0", settings, teacher))


def test_an_action_space_no_teacher_knows_is_refused() -> None:
    world = ListWorld(RATES)
    world.action_space = Box(-1, 1, (24,), dtype=np.float32)
    with pytest.raises(ConfigError, match="leave action='discrete' and observation='flat' out"):
        kind_of(world)


def test_every_built_in_teacher_says_what_it_observes() -> None:
    assert all(entry.observes for entry in TEACHERS.values())
    assert TEACHERS["exp3"].observes == "gains of what it teaches"
    assert teacher_entry("tests.agents.curricula.test_teacher:Scripted").observes is None


def test_descriptions_fit_a_table() -> None:
    assert all(0 < len(entry.description) <= 60 for entry in TEACHERS.values())
