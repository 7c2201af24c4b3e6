"""Held-out episodes: every arm of a comparison, learned or not, teaches the same ones.

The seed of an episode draws its items and, where its student has several, one of the bases that
boards compare on. Teachers are trained on the other bases and on items of other seeds
(``teachgym.bridges.grpo.settings.Stage.apart``, seeds of tuning).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teachgym.assembly import assemble, check_config
from teachgym.benchmarks.bench.suites.shared import DRAWN
from teachgym.benchmarks.bench.suites.suite import Arm, Cell, Suite
from teachgym.benchmarks.bench.suites.tiny import tiny
from teachgym.loop import run_episode
from teachgym.runs.config import RunConfig

ID = "teachgym/SkillList-v0"
ARMS: Mapping[str, Arm] = {arm.name: arm for arm in tiny().arms}
"""The arms of the leaderboard by name, with their tuned settings."""


def held_out(env_settings: Mapping[str, Any], seed: int, arm: Arm = ARMS["uniform"]) -> RunConfig:
    """Return the configuration of a held-out episode, with base and items drawn as on boards.

    Args:
        env_settings: student and budget.
        seed: of the episode, below those of tuning.
        arm: who teaches.
    """
    suite = Suite("learned", 1, "", (arm,), ID, env_settings, reference=arm.name, seeded=DRAWN)
    return Cell(suite, arm, seed).config


def texts_of(env_settings: Mapping[str, Any]) -> dict[str, bool]:
    """Return the setting that leaves texts out where the student does not read them."""
    return {} if env_settings["student"] != "simulated" else {"texts": False}


def play_arm(arm: Arm, env_settings: Mapping[str, Any], seed: int) -> float:
    """Return the return of an arm in a held-out episode; what is known for it is searched first."""
    config = held_out(env_settings, seed, arm)
    teacher = assemble(check_config(config), gym.make).teacher
    env = gym.make(ID, **{**texts_of(env_settings), **config.env_settings})
    return run_episode(env, teacher, seed=seed).return_
