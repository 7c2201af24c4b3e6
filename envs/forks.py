"""``Forks``: tries actions from the same student, training and measuring them together.

::

    forks = Forks("teachgym/SkillList-v0", 8, student="tiny", observation="text", action="text")
    start = forks.start(seed=0)
    branch = forks.branch(start, replies)        # as many as you like, eight at a time
    branch.rewards, branch.spread.signal_to_noise
    observation = forks.observation(branch.ids[best])

Every action is tried on the student of the snapshot, on the data that its random streams give
(common random numbers: two actions that order the same get the same examples), and is measured on
the same items. What comes of each is, to the bit, what an environment of its own would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.envs.base import base_of
from teachgym.envs.config import EnvConfig, env_id
from teachgym.envs.counted import CountedVectorEnv, of_row
from teachgym.envs.states import state_after
from teachgym.envs.vector import TeacherVectorEnv
from teachgym.envs.wrappers.rewards import DelayedReward
from teachgym.envs.wrappers.stop import as_member
from teachgym.errors import ConfigError, EpisodeError
from teachgym.loop import StepResult
from teachgym.metrics import Spread, advantages, paired_gain, spread_of
from teachgym.settings import Count, Few, Share, checked
from teachgym.shown import in_short, shown
from teachgym.snapshot import Snapshot
from teachgym.streams import order_of
from teachgym.students import require_copies
from teachgym.types import Cost, Data, FloatArray, Prediction, Report, Score


@dataclass(frozen=True)
class Branch:
    """The outcomes of K actions that were tried on equal students."""

    rewards: FloatArray
    """The environment's reward for each, shape (K,); on more items where it was measured again."""
    gains: tuple[Score, ...]
    """The gain in accuracy of each, paired over items, with its standard error."""
    spread: Spread
    """Signal and noise of the differences between them, on the items that all have."""
    ids: tuple[str, ...]
    """The snapshots after each."""
    results: tuple[StepResult, ...]
    """The return value of ``env.step`` for each."""
    cost: Cost
    """The cost of all of them, measuring again included."""
    items: int
    """On how many items all of them were measured."""

    __repr__ = in_short

    @property
    def advantages(self) -> FloatArray:
        """GRPO's advantages of the rewards, shape (K,)."""
        return advantages(self.rewards)


@dataclass(frozen=True)
class _Kept:
    """A state that can be branched from."""

    snapshot: Snapshot
    observation: Any


class Forks:
    """Environments of one kind that take on a snapshot's state when actions are tried.

    Args:
        id_: the environment's id or short name.
        size: how many students are trained at once, >= 1.
        recheck: items of the task's training pool, on which no student was trained, that a group
            is measured on too where its spread is noise, >= 0; 0 = never. A group is the actions of
            a call in one state, whatever else is tried with them.
        level: the spread is noise if equal actions would show one as large with at least this
            chance, in [0, 1].
        settings: those of the environment.

    Raises:
        ConfigError: for an environment whose students are only counted (``texts=False``), and for
            ``recheck`` with a proxy or late rewards.
    """

    @checked
    def __init__(
        self, id_: str, size: Few = 8, *, recheck: Count = 0, level: Share = 0.05, **settings: Any
    ) -> None:
        if recheck and settings.get("proxy") is not None:
            raise ConfigError(
                f"recheck is {recheck} and proxy {settings['proxy']!r}; a proxy rewards what was "
                "taught and ignores measurements: leave one of them out"
            )
        made = gym.make_vec(env_id(id_), size, "vector_entry_point", **settings)
        if not isinstance(made, TeacherVectorEnv):
            raise ConfigError("texts is False, and only environments with texts can be forked")
        if recheck and _pays_late(made.envs[0]):
            raise ConfigError(
                f"recheck is {recheck} and stress has delayed_reward; a late reward is not for "
                "the measurement that it comes with: leave one of them out"
            )
        self.size, self.recheck, self.level = size, recheck, level
        self.rows = made
        self.single_action_space = made.single_action_space
        self.skills: tuple[str, ...] = tuple(base_of(made.envs[0]).skills)
        self._kept: dict[str, _Kept] = {}
        self._numbers = count()

    @classmethod
    def of(cls, env: gym.Env[Any, Any], size: int = 8, **settings: Any) -> Forks:
        """Forks with the settings of an environment that ``gym.make`` made, or with others.

        Raises:
            ConfigError: for one that was not, or whose student was handed over as an object: there
                is no second one to try actions on.
        """
        if env.spec is None:
            raise ConfigError("this environment has no spec; make it with gym.make")
        require_copies(env.spec.kwargs.get("student", EnvConfig.student), 1 + size)
        return cls(env.spec.id, size, **{**env.spec.kwargs, **settings})

    # -- states ----------------------------------------------------------------------------

    def start(self, seed: int) -> str:
        """The id of the untrained student of the episode with this seed; equal for equal seeds."""
        id_ = str(seed)
        if id_ not in self._kept:
            observation, _ = self.rows.envs[0].reset(seed=seed)
            self.keep(self._snapshot_of(0), observation, id_)
        return id_

    def keep(self, snapshot: Snapshot, observation: Any = None, id_: str = "") -> str:
        """Keep a snapshot, such as that of an environment with the same settings.

        Args:
            snapshot: to branch from.
            observation: what the teacher sees there.
            id_: what it is called; empty = a name of its own.
        """
        name = id_ or f"kept-{next(self._numbers)}"
        self._kept[name] = _Kept(snapshot, observation)
        return name

    @property
    def kept(self) -> frozenset[str]:
        """The ids of all states that can be branched from."""
        return frozenset(self._kept)

    def forget(self, *ids: str) -> None:
        """Release snapshots and the memory of their weights."""
        for id_ in ids:
            self._kept.pop(id_, None)

    def forget_all(self) -> None:
        """Release all snapshots."""
        self._kept.clear()

    def observation(self, id_: str) -> Any:
        """The observation in a state."""
        return self._state(id_).observation

    def snapshot(self, id_: str) -> Snapshot:
        """A state as a value."""
        return self._state(id_).snapshot

    def form(self, id_: str) -> Any:
        """The form of replies in a state, with ``action="text"``."""
        self._restore(0, id_)
        return self.rows.envs[0].get_wrapper_attr("form")

    # -- actions ---------------------------------------------------------------------------

    def branch(self, start: str | Sequence[str], actions: Sequence[Any]) -> Branch:
        """Try each action on the same student, or each on a student of its own.

        Equal actions in one state have equal outcomes, so they are tried once; each is charged.

        Args:
            start: the id of the state they are tried in, or one id for each action.
            actions: K of them, >= 1.

        Raises:
            ConfigError: for no actions, or another number of ids.
            EpisodeError: for an id that is not kept, or of an episode that has ended; nothing is
                tried then.
        """
        starts = [start] * len(actions) if isinstance(start, str) else list(start)
        if not actions or len(starts) != len(actions):
            raise ConfigError(
                f"there are {len(starts)} states and {len(actions)} actions; give one state, or "
                "one for each action, and one action or more"
            )
        for id_ in starts:
            _require_running(id_, self.snapshot(id_).stop_reason)
        pairs = list(zip(starts, actions, strict=True))
        ids = [state_after(self.single_action_space, *pair) for pair in pairs]
        made = self._made(dict(zip(ids, pairs, strict=True)))
        return self._measured(starts, ids, [made[id_] for id_ in ids])

    def _made(self, pairs: Mapping[str, tuple[str, Any]]) -> dict[str, StepResult]:
        """The step of each pair of a state and an action, which leads to the state of its name."""
        results: dict[str, StepResult] = {}
        names = [*pairs]
        for first in range(0, len(names), self.size):
            some = names[first : first + self.size]
            for row, name in enumerate(some):
                self._restore(row, pairs[name][0])
            done = self.rows.step_rows({row: pairs[name][1] for row, name in enumerate(some)})
            for row, name in enumerate(some):
                results[name] = done[row]
                self.keep(self._snapshot_of(row), done[row][0], name)
        return results

    def _measured(
        self, starts: Sequence[str], ids: Sequence[str], results: Sequence[StepResult]
    ) -> Branch:
        """Gains, spread and rewards; on more items for each group whose spread is noise."""
        found = (map(self.snapshot, names) for names in zip(starts, ids, strict=True))
        pairs = [(before.report, after.report) for before, after in found]
        rewards = np.array([float(result[1]) for result in results])
        cost = sum((result[4]["cost"] for result in results), Cost())
        for start in dict.fromkeys(starts) if self.recheck else ():
            group = [place for place, other in enumerate(starts) if other == start]
            narrow, own = [pairs[place] for place in group], [results[place] for place in group]
            if len(group) < 2 or _spread(narrow).p < self.level:
                continue
            names = [ids[place] for place in group]
            more = self._answers([start, *names], self._more_items(start, own))
            wide = [
                (_wider(before, more[start]), _wider(after, more[name]))
                for (before, after), name in zip(narrow, names, strict=True)
            ]
            rewards[group] = rewards[group] + self._paid(wide, own) - self._paid(narrow, own)
            cost = cost + self._cost_of(more.values())
            for place, pair in zip(group, wide, strict=True):
                pairs[place] = pair
        gains = tuple(paired_gain(*pair) for pair in pairs)
        n_items = min(len(after.predictions) for _, after in pairs)
        return Branch(rewards, gains, _spread(pairs), tuple(ids), tuple(results), cost, n_items)

    def _paid(
        self, pairs: Sequence[tuple[Report, Report]], results: Sequence[StepResult]
    ) -> FloatArray:
        """The reward for reports before and after, shape (K,)."""
        base = base_of(self.rows.envs[0])
        worth = [base.reward(*p, r[4]["cost"]) for p, r in zip(pairs, results, strict=True)]
        return base.rules.reward_scale * np.array(worth, dtype=np.float64)

    def _more_items(self, start: str, results: Sequence[StepResult]) -> Data:
        """Training examples that no student of a group was trained on, in an order of the seed."""
        taught = {e.identity for e in self.snapshot(start).data}
        taught |= {e.identity for result in results for e in result[4]["data"]}
        task = base_of(self.rows.envs[0]).task
        fresh = [e for e in task.examples("train") if e.identity not in taught]
        entropy = self.snapshot(start).entropy
        places = order_of([e.identity for e in fresh], entropy)[: self.recheck]
        return tuple(fresh[place] for place in places)

    def _answers(self, ids: Sequence[str], items: Data) -> dict[str, tuple[Prediction, ...]]:
        """The answers to more items in each state."""
        names = [*dict.fromkeys(ids)]
        found: list[tuple[Prediction, ...]] = []
        for first in range(0, len(names), self.size):
            some = names[first : first + self.size]
            for row, id_ in enumerate(some):
                self._restore(row, id_)
            calls = [partial(_predict, self.rows.envs[row], items) for row in range(len(some))]
            found += self.rows.rendezvous.run(calls)
        return dict(zip(names, found, strict=True))

    def _cost_of(self, answers: Iterable[tuple[Prediction, ...]]) -> Cost:
        student = base_of(self.rows.envs[0]).student
        texts = [text for own in answers for p in own for text in p.responses]
        return Cost(generated_tokens=student.count_tokens(texts))

    def _restore(self, row: int, id_: str) -> None:
        self.rows.envs[row].get_wrapper_attr("restore")(self._state(id_).snapshot)

    def _snapshot_of(self, row: int) -> Snapshot:
        snapshot: Snapshot = self.rows.envs[row].get_wrapper_attr("snapshot")()
        return snapshot

    def _state(self, id_: str) -> _Kept:
        if id_ not in self._kept:
            raise _unknown_state(id_)
        return self._kept[id_]


def forks_of(id_: str, size: Few = 8, *, recheck: Count = 0, **settings: Any) -> AnyForks:
    """``Forks``, or ``CountedForks`` of environments whose students are only counted.

    Raises:
        ConfigError: as those do, and for ``recheck`` of the latter.
    """
    if settings.get("texts", True):
        return Forks(id_, size, recheck=recheck, **settings)
    if recheck:
        raise ConfigError(
            f"recheck is {recheck} and texts False, so there are no more items; leave one out"
        )
    return CountedForks(id_, size, **settings)


def _spread(pairs: Sequence[tuple[Report, Report]]) -> Spread:
    """The spread of the gains, on the items that all have; more items come after these."""
    gains = [after.scores - before.scores for before, after in pairs]
    return spread_of(np.stack([gain[: min(map(len, gains))] for gain in gains]))


class CountedForks:
    """As ``Forks``, of ``teachgym/SkillList-v0`` with ``texts=False``: fast, for first trials.

    A branch costs steps and examples; only texts have tokens.

    Args:
        id_: the environment's id or short name.
        size: how many actions are tried at once, >= 1.
        settings: those of the environment.

    Raises:
        ConfigError: for settings that need texts.
    """

    def __init__(self, id_: str, size: Few = 8, **settings: Any) -> None:
        made = gym.make_vec(env_id(id_), size, "vector_entry_point", **{**settings, "texts": False})
        assert isinstance(made, CountedVectorEnv)
        self.size, self.rows = size, made.rows
        self.single_action_space = made.single_action_space
        self.skills = made.rows.skills
        self._kept: dict[str, tuple[Any, ...]] = {}

    def start(self, seed: int) -> str:
        """See ``Forks.start``."""
        id_ = str(seed)
        if id_ not in self._kept:
            generator, _ = gym.utils.seeding.np_random(seed)
            self.rows.reset(0, generator)
            self._kept[id_] = self.rows.state_of(0)
        return id_

    def observation(self, id_: str) -> Any:
        """The teacher's observation of a state."""
        self._put(0, id_)
        return of_row(self.rows.observe(), 0)

    def branch(self, start: str, actions: Sequence[Any]) -> Branch:
        """See ``Forks.branch``; all actions are tried in one state."""
        if not actions:
            raise ConfigError("there are 0 actions; give one or more")
        actions = [as_member(self.single_action_space, action) for action in actions]
        self._put(0, start)
        _require_running(start, self.rows.stop_reason[0])
        results: list[StepResult] = []
        ids, before, after = [], [], []
        for first in range(0, len(actions), self.size):
            tried = actions[first : first + self.size]
            chosen = np.arange(self.size) < len(tried)
            for row in range(self.size):
                self._put(row, start)
            before += [*self.rows.scores(chosen)]
            padded = [*tried, *[tried[0]] * (self.size - len(tried))]
            rewards = self.rows.step(chosen, np.asarray(padded))
            after += [*self.rows.scores(chosen)]
            seen, infos = self.rows.observe(), self.rows.infos()
            for row, action in enumerate(tried):
                over = bool(infos[row]["stop_reason"])
                told = (of_row(seen, row), float(rewards[row]), over, False, infos[row])
                results.append(told)
                ids.append(state_after(self.single_action_space, start, action))
                self._kept[ids[-1]] = self.rows.state_of(row)
        differences = np.stack(after).astype(np.float64) - np.stack(before)
        return Branch(
            rewards=np.array([result[1] for result in results]),
            gains=tuple(map(Score.of_repetitions, differences)),
            spread=spread_of(differences),
            ids=tuple(ids),
            results=tuple(results),
            cost=Cost(len(results), sum(int(r[4]["metrics"]["accepted"]) for r in results)),
            items=differences.shape[1],
        )

    def forget(self, *ids: str) -> None:
        """Let go of states."""
        for id_ in ids:
            self._kept.pop(id_, None)

    def _put(self, row: int, id_: str) -> None:
        if id_ not in self._kept:
            raise _unknown_state(id_)
        self.rows.put(row, self._kept[id_])


AnyForks = Forks | CountedForks


def _unknown_state(id_: str) -> EpisodeError:
    return EpisodeError(f"no snapshot {shown(id_)} is kept; start(seed) or branch gives ids")


def _require_running(id_: str, stop_reason: str) -> None:
    if stop_reason:
        raise EpisodeError(
            f"the episode is over in state {shown(id_)} ({stop_reason}); branch from another"
        )


def _predict(env: gym.Env[Any, Any], items: Data) -> tuple[Prediction, ...]:
    base = base_of(env)
    return base.evaluator.predict(base.student, base.task, items)


def _wider(report: Report, more: tuple[Prediction, ...]) -> Report:
    """The report, on more items; metrics of the task are those of the first alone."""
    return replace(report, predictions=(*report.predictions, *more))


def _pays_late(env: gym.Env[Any, Any]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, DelayedReward):
            return True
        env = env.env
    return False
