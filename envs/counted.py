"""Skill-List without texts: a fast simulated student that is taught numbers of examples.

With ``texts=False`` no example is written, since this student would not read it, and an evaluation
counts the items whose thresholds lie below the accuracies of their cells. What the teacher sees and
earns, and what counts against the budget, is to the digit what the environment with texts gives
whenever its gate accepts every example that was ordered; here every order is filled. K episodes are
rows of arrays: ``CountedEnv`` is one of them, ``CountedVectorEnv`` all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import fields
from operator import index
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from teachgym.actions import require_member
from teachgym.apportion import apportion
from teachgym.envs.config import SkillListConfig
from teachgym.envs.wrappers.observations import MOST, count_box, unit_box
from teachgym.errors import ConfigError, EpisodeError
from teachgym.shown import shown
from teachgym.streams import RngName, stream
from teachgym.students import is_language_model, make_student
from teachgym.students.dynamics import accuracy, learn
from teachgym.students.simulated import SimulatedStudent
from teachgym.tasks import make_task
from teachgym.tasks.limited import Limited
from teachgym.types import CURRENCIES, FloatArray

HERE = frozenset(
    {
        "task",
        "task_settings",
        "limit",
        "student",
        "student_settings",
        "budget",
        "examples_per_step",
        "target_accuracy",
        "patience",
        "reward_scale",
        "proxy",
        "observation",
        "action",
        "reuse_answers",
        "texts",
    }
)
"""The settings that mean something without texts."""


def require_countable(config: SkillListConfig) -> None:
    """Raise ``ConfigError`` for settings that need texts, and for students that read them."""
    plain = SkillListConfig(student="simulated")
    for name in (f.name for f in fields(config) if f.name not in HERE):
        if getattr(config, name) != getattr(plain, name):
            raise ConfigError(
                f"{name} is {getattr(config, name)!r}, which needs texts; leave it out or set "
                "texts=True"
            )
    for name, value, known in (
        ("observation", config.observation, ("arrays", "flat")),
        ("action", config.action, ("shares", "discrete")),
        ("proxy", config.proxy, (None, "learnability", "learning_progress")),
    ):
        if value not in known:
            raise ConfigError(f"{name} is {value!r}, which needs texts; one of {known} does not")
    if other := [c for c in config.budget.limits if c not in ("steps", "examples")]:
        raise ConfigError(
            f"budget limits {other[0]}, which only texts cost; limit steps and examples, or set "
            "texts=True"
        )
    if is_language_model(config.student):
        raise _reading(config.student)


def _reading(student: Any) -> ConfigError:
    """The error of a student that has to read."""
    return ConfigError(
        f"student is {student!r}, which learns from texts; use 'simulated' or texts=True"
    )


def places(rows: NDArray[np.bool_]) -> list[int]:
    """The numbers of the selected rows."""
    found: list[int] = np.flatnonzero(rows).tolist()
    return found


class CountedRows:
    """K running episodes, as arrays whose first axis is the row; S skills, L levels.

    Raises:
        ConfigError: for settings that need texts, or a student that reads them.
    """

    def __init__(self, config: SkillListConfig, count: int) -> None:
        require_countable(config)
        task = make_task(config.task, **config.task_settings)
        if config.limit is not None:
            task = Limited(task, config.limit)
        student = make_student(config.student, task, **config.student_settings)
        if not isinstance(student, SimulatedStudent):
            raise _reading(config.student)
        self.config, self.count, self.dynamics = config, count, student.dynamics
        self.skills, self.levels = student.skills, student.levels
        shape = len(self.skills), len(self.levels)
        items = tuple(task.examples("val"))  # A student's task has those beyond a limit, too.
        self._cell, self._threshold = student.cells(items), student.thresholds(items)
        self._n = student.tally(self._cell)
        self._in_cell = np.eye(self._n.size)[self._cell]  # (n_items, S * L)
        self._entropy = np.zeros(count, dtype=np.int64)
        self._x = np.repeat(student.dynamics.start[None], count, axis=0)
        self.right = np.zeros((count, *shape))
        """Items answered right, (K, S, L)."""
        self.accuracy = np.zeros(count)
        """Over all items, (K,)."""
        self.steps, self.examples = (np.zeros(count, dtype=np.int64) for _ in range(2))
        """The amounts spent, (K,)."""
        self.accepted = np.zeros(count, dtype=np.int64)
        """Examples of the last step, (K,)."""
        self.stop_reason = np.full(count, "not begun", dtype=object)
        """The reason for the end of each episode; empty while it runs, (K,)."""
        self._best, self._best_step = np.zeros(count), np.zeros(count, dtype=np.int64)

    # -- spaces ----------------------------------------------------------------------------

    @property
    def action_space(self) -> gym.Space[Any]:
        """The space of one row, equal to that of the environment with texts."""
        shape = len(self.skills), len(self.levels)
        if self.config.action == "discrete":
            return gym.spaces.Discrete(self._n.size)
        if self.config.observation == "flat":
            return gym.spaces.Box(-1, 1, (self._n.size,), dtype=np.float32)
        return unit_box(*shape)

    @property
    def observation_space(self) -> gym.Space[Any]:
        """The space of one row, equal to that of the environment with texts."""
        shape = len(self.skills), len(self.levels)
        if self.config.observation == "flat":
            return unit_box(3 * self._n.size + len(CURRENCIES))
        parts = {"accuracy": unit_box(*shape), "n": count_box(*shape), "stderr": unit_box(*shape)}
        return gym.spaces.Dict({**parts, "budget_left": unit_box(len(CURRENCIES))})

    # -- the MDP ---------------------------------------------------------------------------

    def reset(self, row: int, generator: np.random.Generator) -> None:
        """Begin an episode with the untrained student."""
        self._entropy[row] = generator.integers(2**63)
        self._x[row] = self.dynamics.start
        self.steps[row] = self.examples[row] = self.accepted[row] = 0
        self.stop_reason[row] = ""
        rows = np.arange(self.count) == row
        self._evaluate(rows)
        self._best[row], self._best_step[row] = self.accuracy[row], 0

    def step(self, rows: NDArray[np.bool_], actions: NDArray[Any]) -> FloatArray:
        """Teach ``rows``, (K,), what their ``actions``, (K, ...), order; returns rewards, (K,).

        Of rows that are not taught, rewards are 0.
        """
        if over := [*self.stop_reason[rows & (self.stop_reason != "")]]:
            raise EpisodeError(f"the episode is over ({over[0]}); call reset()")
        before, right = self.accuracy.copy(), self.right.copy()
        counts = np.zeros(self._x.shape)
        luck = np.zeros(self._x.shape)
        amounts = self._amounts(actions)
        for row in places(rows):
            counts[row] = apportion(amounts[row], self._available(row), self._rng("orders", row))
            if counts[row].any():
                luck[row] = self._rng("train", row).standard_normal(luck[row].shape)
        self.accepted[rows] = counts[rows].sum(axis=(1, 2))
        self.steps += rows
        self.examples += np.where(rows, self.accepted, 0)
        taught = rows & (self.accepted > 0)
        if taught.any():
            self._x[taught] = learn(self._x[taught], counts[taught], self.dynamics, luck[taught])
            self._evaluate(taught)
        better = taught & (self.accuracy > self._best)
        self._best[better], self._best_step[better] = self.accuracy[better], self.steps[better]
        for row in places(rows):
            self.stop_reason[row] = self._stop(row)
        worth = self._worth(before, right, counts)
        rewards: FloatArray = np.where(rows, self.config.reward_scale * worth, 0.0)
        return rewards

    def observe(self) -> dict[str, Any] | NDArray[np.float32]:
        """The observations: arrays of the observation space with the row as first axis."""
        n = np.broadcast_to(self._n, self.right.shape)
        at_least_one = np.maximum(n, 1)
        mean = self.right / at_least_one
        stderr = np.sqrt(np.maximum(mean - mean**2, 0) / at_least_one)
        left = np.ones((self.count, len(CURRENCIES)))
        for currency, limit in self.config.budget.limits.items():
            spent = getattr(self, currency)
            left[:, CURRENCIES.index(currency)] = np.maximum(0, limit - spent) / limit
        if self.config.observation == "arrays":
            named = {"accuracy": mean, "n": n, "stderr": stderr, "budget_left": left}
            return {name: values.astype(np.float32) for name, values in named.items()}
        scaled = n / (n + self.config.examples_per_step)
        # In the order of a ``Dict`` space, which is that of the names.
        flat = [a.astype(np.float32).reshape(self.count, -1) for a in (mean, left, scaled, stderr)]
        return np.concatenate(flat, axis=1)

    def infos(self) -> list[dict[str, Any]]:
        """The ``info`` of each row."""
        return [
            {
                "metrics": {"accuracy": self.accuracy[row], "accepted": self.accepted[row]},
                "stop_reason": self.stop_reason[row],
            }
            for row in range(self.count)
        ]

    # -- states ----------------------------------------------------------------------------

    def state_of(self, row: int) -> tuple[Any, ...]:
        """All that a row's episode will depend on."""
        return tuple(copy(values[row]) for values in self._states)

    def put(self, row: int, state: tuple[Any, ...]) -> None:
        """Put a row into a state."""
        for values, value in zip(self._states, state, strict=True):
            values[row] = value

    @property
    def _states(self) -> tuple[NDArray[Any], ...]:
        return (
            self._entropy,
            self._x,
            self.right,
            self.accuracy,
            self.steps,
            self.examples,
            self.accepted,
            self.stop_reason,
            self._best,
            self._best_step,
        )

    def scores(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each item is answered right, shape (rows, n_items)."""
        chance = accuracy(self._x[rows], self.dynamics).reshape(-1, self._n.size)
        right: NDArray[np.bool_] = self._threshold < chance[:, self._cell]
        return right

    def _worth(self, before: FloatArray, right: FloatArray, counts: FloatArray) -> FloatArray:
        """The gain, or the proxy that is paid instead (``teachgym.rewards``), (K,).

        Args:
            before: accuracy before the step, (K,).
            right: items that were right before it, (K, S, L).
            counts: examples of each cell, (K, S, L).
        """
        if self.config.proxy is None:
            return self.accuracy - before
        n = self._n.sum(axis=1)  # (S,)
        counts = counts * (n > 0)[:, None]  # Examples of a skill without items are left out.
        if self.config.proxy == "learnability":
            skilled = (right.sum(axis=2) / np.maximum(n, 1))[:, :, None]
            chance = np.where(self._n > 0, right / np.maximum(self._n, 1), skilled)
            paid = counts * 4 * chance * (1 - chance)
        else:
            change = (self.right - right).sum(axis=2) / np.maximum(n, 1)
            paid = counts * np.abs(change)[:, :, None]
        worth: FloatArray = paid.sum(axis=(1, 2)) / np.maximum(counts.sum(axis=(1, 2)), 1)
        return worth

    def _amounts(self, actions: NDArray[Any]) -> FloatArray:
        """Examples that the actions order of each cell, (K, S, L)."""
        if self.config.action == "discrete":
            shares = np.eye(self._n.size)[actions]
        elif self.config.observation == "flat":
            shares = ((actions.astype(np.float64) + 1) / 2).astype(np.float32)
        else:
            shares = actions
        amounts: FloatArray = shares.astype(np.float64) * self.config.examples_per_step
        return amounts.reshape(self._x.shape)

    def _available(self, row: int) -> float:
        limit = self.config.budget.examples
        left = MOST if limit is None else limit - self.examples[row]
        return float(min(left, self.config.examples_per_step))

    def _rng(self, name: RngName, row: int) -> np.random.Generator:
        return stream(name, int(self._entropy[row]), int(self.steps[row]))

    def _evaluate(self, rows: NDArray[np.bool_]) -> None:
        right = self.scores(rows) @ self._in_cell
        self.right[rows] = right.reshape(-1, *self._n.shape)
        self.accuracy[rows] = right.sum(axis=1) / len(self._cell)

    def _stop(self, row: int) -> str:
        """As ``TeacherEnv`` finds it."""
        config = self.config
        if config.target_accuracy is not None and self.accuracy[row] >= config.target_accuracy:
            return "mastery"
        for currency, limit in config.budget.limits.items():
            if getattr(self, currency)[row] >= limit:
                return currency
        stale = self.steps[row] - self._best_step[row]
        return "patience" if config.patience is not None and stale >= config.patience else ""


def of_row(seen: Any, row: int) -> Any:
    """The observation of one row from those of ``CountedRows.observe``."""
    return {k: v[row] for k, v in seen.items()} if isinstance(seen, dict) else seen[row]


def require_rows(count: int) -> None:
    """Raise ``ConfigError`` for a vector environment without rows."""
    if count < 1:
        raise ConfigError(f"num_envs is {count}; it must be 1 or more")


def seeds_of_rows(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """The seed of each of ``count`` rows: seed + i of row i, or its own of a list; None = no seed.

    Example:
        >>> seeds_of_rows(np.int64(3), 2), seeds_of_rows([7, None], 2)
        ([3, 4], [7, None])

    Raises:
        ConfigError: for another number of seeds, and for what is no integer.
    """
    if seed is None:
        return [None] * count
    try:
        if not isinstance(seed, Sequence | np.ndarray):
            return [index(seed) + row for row in range(count)]
        if len(seed) == count:
            return [None if own is None else index(own) for own in seed]
    except TypeError:
        pass
    raise ConfigError(f"seed is {shown(seed)}; give an integer, or {count} of them, one per row")


class CountedEnv(gym.Env[Any, Any]):
    """One episode; ``gym.make("teachgym/SkillList-v0", student="simulated", texts=False)``."""

    probes = None
    """Nothing can be asked of the student, since questions are texts."""

    def __init__(self, config: SkillListConfig) -> None:
        self._rows = CountedRows(config, 1)
        self.skills, self.levels = self._rows.skills, self._rows.levels
        self.action_space = self._rows.action_space
        self.observation_space = self._rows.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Restore the untrained student; ``options`` are not used."""
        super().reset(seed=seed)
        self._rows.reset(0, self.np_random)
        return self._seen()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Teach what ``action`` orders.

        Raises:
            ActionError: for an action outside ``action_space``; nothing is spent then.
            EpisodeError: before ``reset`` or after the episode's end.
        """
        action = np.asarray(require_member(self.action_space, action))[None]
        reward = float(self._rows.step(np.ones(1, dtype=bool), action)[0])
        seen, info = self._seen()
        return seen, reward, bool(info["stop_reason"]), False, info

    def _seen(self) -> tuple[Any, dict[str, Any]]:
        return of_row(self._rows.observe(), 0), self._rows.infos()[0]


class CountedVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """K episodes at once; each row equals a ``CountedEnv`` to the digit.

    Args:
        config: of all of them.
        num_envs: K, >= 1.
        autoreset_mode: when a row whose episode has ended is reset; see Gymnasium.
    """

    def __init__(
        self,
        config: SkillListConfig,
        num_envs: int,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        require_rows(num_envs)
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.rows = CountedRows(config, num_envs)
        self.single_action_space = self.rows.action_space
        self.single_observation_space = self.rows.observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
        self._over = np.zeros(num_envs, dtype=bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all rows, row i with seed + i; ``options["reset_mask"]`` selects rows.

        Raises:
            ConfigError: for another number of seeds or truth values, and for what is none.
        """
        seeds = seeds_of_rows(seed, self.num_envs)
        mask = (options or {}).get("reset_mask", [True] * self.num_envs)
        chosen = np.asarray(mask)
        if chosen.dtype != bool or chosen.shape != (self.num_envs,):
            raise ConfigError(
                f"reset_mask is {shown(mask)}; give {self.num_envs} truth values, one per row"
            )
        for row in places(chosen):
            if seeds[row] is not None:
                self._generators[row], _ = gym.utils.seeding.np_random(seeds[row])
            self.rows.reset(row, self._generators[row])
        self._over[chosen] = False
        return self.rows.observe(), self._told(chosen)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every row, or reset it where that is due.

        Raises:
            ActionError: for actions outside ``action_space``; no row has made a step then.
        """
        actions = np.asarray(require_member(self.action_space, actions, "actions"))
        stepped = ~self._over
        rewards = np.where(stepped, self.rows.step(stepped, actions), 0.0)
        for row in places(self._over):
            self.rows.reset(row, self._generators[row])
        ended = stepped & (self.rows.stop_reason != "")
        infos: dict[str, Any] = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP and ended.any():
            seen, told = self.rows.observe(), self.rows.infos()
            for row in places(ended):
                last = {"final_obs": of_row(seen, row), "final_info": told[row]}
                infos = self._add_info(infos, last, row)
                self.rows.reset(row, self._generators[row])
        self._over = ended & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        cut = np.zeros(self.num_envs, dtype=bool)
        return self.rows.observe(), rewards, ended, cut, infos | self._told(~cut)

    def _told(self, rows: NDArray[np.bool_]) -> dict[str, Any]:
        """The infos of some rows as Gymnasium batches them."""
        infos: dict[str, Any] = {}
        for row, info in enumerate(self.rows.infos()):
            infos = self._add_info(infos, info, row) if rows[row] else infos
        return infos
