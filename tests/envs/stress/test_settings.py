"""Which stress there is: plain values in, a checked ``Stress`` out."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import teachgym  # noqa: F401 (registers the environments)
from teachgym.envs import EnvConfig
from teachgym.envs.assembly import teacher_env
from teachgym.envs.stress import Stress
from teachgym.envs.stress.settings import choose_skills
from teachgym.errors import ConfigError

LEAVES = tuple(f"skill {i}" for i in range(10))


def test_no_settings_are_no_stress() -> None:
    configs = (
        EnvConfig(student="simulated", **given) for given in ({}, {"stress": None}, {"stress": {}})
    )
    assert all(config.stress == Stress() for config in configs)


def test_lists_from_json_become_names() -> None:
    assert Stress(saturated=["a", "b"]).saturated == ("a", "b")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unlearnabel": 0.5}, "Did you mean 'unlearnable'"),
        ({"unlearnable": 1.5}, r"unlearnable is 1.5; it must be in \[0, 1\]"),
        ({"saturated": "copy"}, "saturated is 'copy'"),
        ({"saturated": [3]}, r"saturated\[0\] is 3"),
        ({"grader_noise": -0.1}, "grader_noise is -0.1"),
        ({"wrong_labels": float("nan")}, "wrong_labels is nan"),
        ({"wrong_labels": True}, "wrong_labels is True"),
        ({"forgetting": "much"}, "forgetting is 'much'"),
        ({"rugged": 1}, "rugged is 1; it must be true or false"),
        ({"delayed_reward": 0}, "delayed_reward is 0"),
        ({"delayed_reward": 2.5}, "delayed_reward is 2.5"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"seed": 0.5}, "seed is 0.5"),
        ("much", "stress is 'much'; it must be a table"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EnvConfig(student="simulated", stress=settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stress": {"unlearnable": ["rotll"]}}, "Did you mean 'rotl'"),
        ({"stress": {"saturated": ["strings"]}}, "unknown leaf skill in stress 'saturated'"),
        ({"stress": {"forgetting": 0.1}, "training": "scratch"}, "use training='continue'"),
        ({"stress": {"delayed_reward": 3}, "reward": "per_skill"}, "only reward='accuracy_gain'"),
    ],
)
def test_stress_that_does_not_fit_the_environment_is_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        gym.make("teachgym/SkillList-v0", student="simulated", **settings)


def test_without_stress_nothing_is_wrapped() -> None:
    plain, calm = (teacher_env(student="simulated", stress=stress) for stress in (None, {}))
    for part in ("task", "student", "trainer", "evaluator"):
        assert type(getattr(calm, part)) is type(getattr(plain, part))
        assert "stress" not in type(getattr(calm, part)).__module__


# -- choosing skills ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "count"), [(0.0, 0), (0.01, 1), (0.24, 2), (0.25, 3), (0.5, 5), (1.0, 10), (1, 10)]
)
def test_a_share_is_rounded_to_whole_skills_and_at_least_one(share: float, count: int) -> None:
    """Of 10 skills: 0.25 is 2.5, rounded up to 3."""
    assert len(choose_skills(share, LEAVES, kind="unlearnable")) == count


@given(st.permutations(LEAVES), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_a_smaller_one_whatever_the_order(
    leaves: list[str], one: float, other: float
) -> None:
    small, large = sorted((one, other))
    chosen = choose_skills(small, leaves, kind="saturated")
    assert chosen <= choose_skills(large, LEAVES, kind="saturated") <= set(LEAVES)


def test_kinds_of_stress_choose_independently() -> None:
    kinds = ("unlearnable", "saturated")
    assert len({choose_skills(0.5, LEAVES, kind=kind) for kind in kinds}) == 2


def test_names_are_taken_as_they_are() -> None:
    assert choose_skills(("skill 3",), LEAVES, kind="unlearnable") == {"skill 3"}


def test_another_seed_chooses_as_many_others() -> None:
    """Of C(10, 5) = 252 ways to choose, 20 seeds show nearly 20."""
    drawn = [choose_skills(0.5, LEAVES, kind="unlearnable", seed=seed) for seed in range(20)]
    assert {len(chosen) for chosen in drawn} == {5}
    assert len(set(drawn)) >= 18
