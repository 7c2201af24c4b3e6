"""``Lookahead``: lets a teacher try actions on copies of the student before it chooses one.

What is tried is charged in full: every action that is trained and measured costs what a step with
it costs, steps included. The best of those tried where the episode is is charged when it is made,
as by a policy that takes it; what goes on from an earlier try cannot be made next. Everything is
journalled as probes are, so a run with look-ahead can be resumed.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import gymnasium as gym

from teachgym.capability import Capability
from teachgym.envs.base import base_of
from teachgym.envs.wrappers.stop import as_member
from teachgym.errors import BudgetError, ConfigError, EpisodeError
from teachgym.records import Record
from teachgym.registry import load_attribute
from teachgym.snapshot import Snapshot
from teachgym.types import Cost, Tried

HERE = "here"
"""The name of the state that the episode is in."""


class Lookahead:
    """An ``agents.lookahead.Lookahead`` that tries actions without giving access to a student."""

    __slots__ = ("_call",)

    def __init__(self, env: LookaheadEnv) -> None:
        reference = weakref.ref(env)  # A thread that held the environment would keep it for ever.

        def branch(actions: Sequence[Any], starts: Sequence[str]) -> tuple[Any, ...]:
            if (env := reference()) is None:
                raise EpisodeError("the environment that this look-ahead belongs to is gone")
            return env.branch(actions, starts)

        self._call = Capability(branch=branch)

    def branch(self, actions: Sequence[Any], starts: Sequence[str] = ()) -> tuple[Tried, ...]:
        """The outcome of each action; see ``agents.lookahead.Lookahead``.

        Raises:
            BudgetError: if what is left does not pay for all of them and a step; nothing is charged
                or told.
        """
        tried: tuple[Tried, ...] = self._call("branch", tuple(actions), tuple(starts))
        return tried


class LookaheadEnv(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose teacher may try up to ``size`` actions at once.

    Args:
        env: a registered environment's stack of wrappers.
        size: students that are trained at once, >= 1.
    """

    def __init__(self, env: gym.Env[Any, Any], size: int) -> None:
        super().__init__(env)
        self._base = base_of(env)
        self.size = size
        self._forks: Any = None

    @cached_property
    def lookahead(self) -> Lookahead:
        """The teacher's way to look ahead."""
        return Lookahead(self)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, and discard earlier trials."""
        if self._forks is not None:
            self._forks.forget_all()
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info

    def branch(self, actions: Sequence[Any], starts: Sequence[str]) -> tuple[Tried, ...]:
        """Try each of ``actions``, and charge for all but the best that can be made next."""
        self._base.require_running()
        if starts and len(starts) != len(actions):
            raise ConfigError(f"{len(actions)} actions have {len(starts)} states; give one each")
        states = list(starts) or [HERE] * len(actions)
        space = self.env.action_space
        actions = [as_member(space, action) for action in actions]
        written = space.to_jsonable(actions)
        entry = self._base.probe_log.answer(
            ["branch", _plain(written), states], lambda: self._tried(actions, states, written)
        )
        if "refused" in entry:
            raise BudgetError(entry["refused"])
        self._base.ledger.record(Cost(**entry["cost"]))
        outcomes, ended = zip(entry["rewards"], entry["ids"], strict=True), entry.get("ended", ())
        return tuple(Tried(reward, id_, id_ in ended) for reward, id_ in outcomes)

    def _tried(self, actions: Sequence[Any], states: Sequence[str], written: Any) -> Record:
        ledger = self._base.ledger
        try:
            ledger.require(Cost(steps=len(actions) + (HERE not in states)))
            forks = self._rows()
            if HERE in states:
                now: Snapshot = self.env.get_wrapper_attr("snapshot")()
                # What was spent before a try is no part of its price.
                forks.keep(replace(now, reckoned=now.spent, incidents=()), id_=HERE)
            branch = forks.branch(states, actions)
            place = int(branch.rewards.argmax())
            best: Cost = branch.results[place][4]["cost"]
            cost: Cost = branch.cost - best if states[place] == HERE else branch.cost
            ledger.require(cost + best)  # As much is left for the step that is made.
        except BudgetError as error:
            return {"refused": str(error)}
        ends = [r[2] or r[3] for r in branch.results]
        ended = [*dict.fromkeys(id_ for id_, over in zip(branch.ids, ends, strict=True) if over)]
        return {
            "actions": _plain(written),
            "states": list(states),
            "rewards": branch.rewards.tolist(),
            "ids": list(branch.ids),
            **({"ended": ended} if ended else {}),
            "noise": branch.spread.noise,
            "signal": branch.spread.signal,
            "cost": cost.as_dict(),
        }

    def _rows(self) -> Any:
        """The ``teachgym.envs.forks.Forks`` of this environment, made when they are needed."""
        if self._forks is None:
            spec = self._base.spec
            if spec is None:
                raise ConfigError("this environment has no spec; make it with gym.make")
            own = {**spec.kwargs, "lookahead": 0, "render_mode": None}
            # By name: forks are environments, and those are made of this module too.
            self._forks = load_attribute("teachgym.envs.forks:Forks")(spec.id, self.size, **own)
        return self._forks

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what serves one process and is made when it is asked for."""
        return {**{k: v for k, v in self.__dict__.items() if k != "lookahead"}, "_forks": None}


def _plain(written: Any) -> Any:
    """The JSON form that a space gives to actions: arrays as lists."""
    return json.loads(json.dumps(written, default=lambda array: array.tolist()))
