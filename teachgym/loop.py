"""``run_episode``: the one loop in which a teacher meets an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gymnasium as gym

from teachgym.protocols import Teacher
from teachgym.types import Episode, Transition

Observer = Callable[[int, Transition], None]
"""Called after each step with the step's number, counted from 1, and its transition."""


def run_episode(
    env: gym.Env[Any, Any],
    teacher: Teacher[Any, Any],
    *,
    seed: int,
    observers: Iterable[Observer] = (),
) -> Episode:
    """Teach one student from the untrained state to the end of the episode.

    ::

        observation = reset
        until the episode ends:
            action      = teacher.act(observation)
            observation = step(action)
            teacher.observe(transition)

    Args:
        env: any environment; it alone decides when the episode ends.
        teacher: chooses the actions; it is reset with ``seed`` first.
        seed: seeds the environment and the teacher.
        observers: see every transition; they change nothing.

    Returns:
        The episode; equal arguments give an equal one.
    """
    teacher.reset(seed)
    observation, _ = env.reset(seed=seed)
    return continue_episode(env, teacher, observation, seed=seed, observers=observers)


def continue_episode(
    env: gym.Env[Any, Any],
    teacher: Teacher[Any, Any],
    observation: Any,
    *,
    seed: int,
    observers: Iterable[Observer] = (),
    past: tuple[Transition, ...] = (),
) -> Episode:
    """Go on from ``observation`` to the end; ``past`` are the transitions that led there."""
    observers = tuple(observers)
    transitions = list(past)
    done = bool(past) and (past[-1].terminated or past[-1].truncated)
    while not done:
        action = teacher.act(observation)
        next_observation, reward, terminated, truncated, info = env.step(action)
        transition = Transition(
            observation, action, float(reward), next_observation, terminated, truncated, info
        )
        teacher.observe(transition)
        transitions.append(transition)
        for observe in observers:
            observe(len(transitions), transition)
        observation, done = next_observation, terminated or truncated
    spec = env.spec.to_json() if env.spec is not None else ""
    return Episode(tuple(transitions), seed, spec, teacher.name)
