"""``run_episode``: the loop of a teacher and an environment; ``run_episodes``: K loops at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import gymnasium as gym

from teachgym.errors import ConfigError
from teachgym.protocols import Teacher
from teachgym.types import Budget, Episode, Transition

Observer = Callable[[int, Transition], None]
"""Called after each step with the step's number, counted from 1, and its transition."""

Say = Callable[[str], None]
"""Told what begins, in a few words."""


def unheard(stage: str) -> None:
    """A ``Say`` that prints nothing."""


StepResult = tuple[Any, Any, bool, bool, dict[str, Any]]
"""The return value of ``gym.Env.step``: observation, reward, terminated, truncated, info."""


class Rows(Protocol):
    """Environments that step together, such as ``teachgym.envs.vector.TeacherVectorEnv``."""

    @property
    def envs(self) -> Sequence[gym.Env[Any, Any]]:
        """The rows as single environments."""

    def step_rows(self, actions: Mapping[int, Any]) -> Mapping[int, StepResult]:
        """Step the rows that have an action, by number, and leave the others alone."""


def run_episode(
    env: gym.Env[Any, Any],
    teacher: Teacher[Any, Any],
    *,
    seed: int,
    observers: Iterable[Observer] = (),
    progress: bool = False,
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
        observers: called with each step's number and transition; they must not change it.
        progress: print a line per step, on terminals over a bar of the budget.

    Returns:
        The episode; equal arguments give an equal one.
    """
    if progress:
        # Imported here: only who watches needs it.
        from teachgym.progress import LiveProgress

        known = env.has_wrapper_attr("rules")
        with LiveProgress(env.get_wrapper_attr("rules").budget if known else Budget()) as shown:
            return run_episode(env, teacher, seed=seed, observers=(*observers, shown.observe))
    teacher.reset(seed)
    observation, _ = env.reset(seed=seed)
    lived = observed(live(env, teacher, observation), observers)
    return Episode(tuple(lived), seed, teacher.name)


def live(
    env: gym.Env[Any, Any], teacher: Teacher[Any, Any], observation: Any
) -> Iterator[Transition]:
    """Continue from ``observation`` to the end of the episode, yielding each transition."""
    ended = False
    while not ended:
        action = teacher.act(observation)
        transition = _transition(observation, action, env.step(action))
        teacher.observe(transition)
        yield transition
        observation, ended = transition.next_observation, ends(transition)


def observed(lived: Iterable[Transition], observers: Iterable[Observer]) -> Iterator[Transition]:
    """The transitions of an episode, each passed to the observers first."""
    observers = tuple(observers)
    for step, transition in enumerate(lived, 1):
        for observe in observers:
            observe(step, transition)
        yield transition


def run_episodes(
    rows: Rows, teachers: Sequence[Teacher[Any, Any]], seeds: Sequence[int]
) -> list[Episode]:
    """One episode per row, all at once: teacher ``i`` meets row ``i`` with seed ``i``.

    Args:
        rows: at least as many environments as there are teachers, such as
            ``gym.make_vec("teachgym/SkillList-v0", num_envs=8)``; reset it before other use.
        teachers: a different object for each row.
        seeds: as many as teachers.

    Returns:
        For each row the episode that ``run_episode`` gives with a single environment. A row
        whose episode has ended sits still until the last one ends.

    Raises:
        ConfigError: for numbers of rows, teachers and seeds that do not fit, or a teacher that
            is given twice.
    """
    _check_pairs(len(rows.envs), teachers, seeds)
    transitions: list[list[Transition]] = [[] for _ in teachers]
    observations: dict[int, Any] = {}
    for row, (teacher, seed) in enumerate(zip(teachers, seeds, strict=True)):
        teacher.reset(seed)
        observations[row], _ = rows.envs[row].reset(seed=seed)
    while observations:
        actions = {row: teachers[row].act(seen) for row, seen in observations.items()}
        for row, result in rows.step_rows(actions).items():
            transition = _transition(observations.pop(row), actions[row], result)
            teachers[row].observe(transition)
            transitions[row].append(transition)
            if not ends(transition):
                observations[row] = transition.next_observation
    made = zip(transitions, seeds, teachers, strict=True)
    return [Episode(tuple(own), seed, teacher.name) for own, seed, teacher in made]


def _check_pairs(n_rows: int, teachers: Sequence[Teacher[Any, Any]], seeds: Sequence[int]) -> None:
    if not len(teachers) == len(seeds) <= n_rows:
        raise ConfigError(
            f"there are {len(teachers)} teachers and {len(seeds)} seeds for {n_rows} rows; give "
            "one seed per teacher, and no more of them than rows"
        )
    if len({id(teacher) for teacher in teachers}) < len(teachers):
        raise ConfigError("a teacher is given twice; make one for each row, since they learn")


def _transition(observation: Any, action: Any, result: StepResult) -> Transition:
    following, reward, terminated, truncated, info = result
    return Transition(observation, action, float(reward), following, terminated, truncated, info)


def ends(transition: Transition) -> bool:
    """Whether the transition is the last of its episode."""
    return transition.terminated or transition.truncated
