"""Profiles that ship: one for each base of ``tiny``."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from teachgym.benchmarks.models.hard_profile import hard_profile
from teachgym.errors import ConfigError
from teachgym.students import profile_of
from teachgym.students.bases import BASES
from teachgym.students.profile import Profile


def test_a_base_has_a_profile_of_its_own() -> None:
    profiles = [profile_of("simulated", {"base": base}) for base in range(BASES["tiny"])]
    assert len({json.dumps(asdict(p)) for p in profiles if p}) == BASES["tiny"]
    assert profile_of("tiny", {"base": 1}) == profiles[1]
    assert profile_of("simulated", {"profile": "hard"}) == hard_profile()
    assert profile_of("smollm2", {}) is None
    with pytest.raises(ConfigError, match=f"base is {BASES['tiny']}"):
        profile_of("simulated", {"base": BASES["tiny"]})
    with pytest.raises(ConfigError, match="give one of them"):
        profile_of("simulated", {"base": 1, "profile": "hard"})


def test_shuffling_deals_what_is_known_and_how_it_is_learned_apart() -> None:
    plain, other = profile_of("simulated", {}), profile_of("simulated", {"shuffle": 1})
    assert plain
    assert other
    assert other == profile_of("simulated", {"shuffle": 1})
    assert other != profile_of("simulated", {"shuffle": 2})

    def starts(profile: Profile) -> list[tuple[float, ...]]:
        return [skill.start for skill in profile.skills.values()]

    def ways(profile: Profile) -> list[tuple[float, tuple[float, ...], float]]:
        return [(s.rate, s.ceiling, s.forgetting) for s in profile.skills.values()]

    for facts in (starts, ways):
        assert facts(other) != facts(plain)
        assert sorted(facts(other)) == sorted(facts(plain))
    pairs = set(zip(starts(plain), ways(plain), strict=True))
    assert len(pairs & set(zip(starts(other), ways(other), strict=True))) < len(pairs) / 4
    assert plain.learnable
    assert other.learnable == ()


def test_any_profile_can_be_shuffled() -> None:
    hard = profile_of("simulated", {"profile": "hard", "shuffle": 3})
    assert hard == hard_profile().shuffled(3)
