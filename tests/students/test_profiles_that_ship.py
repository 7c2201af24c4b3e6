"""Profiles that ship: one for each base of ``tiny``."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from teachgym.benchmarks.models.hard_profile import hard_profile
from teachgym.errors import ConfigError
from teachgym.students import profile_of
from teachgym.students.bases import BASES


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
