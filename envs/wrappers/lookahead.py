"""``Lookahead``: lets a teacher try actions on copies of the student before it chooses one.

What is tried is charged in full, when it is tried: every action that is trained and measured costs
what a step with it costs, steps included. If the next step makes an action that was tried where the
episode is, the student it leads to has been paid for, and the price of that try is given back,
since the step charges for it again. No other try is given back, and no time. Everything is
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
from teachgym.envs.states import state_after
from teachgym.envs.wrappers.stop import as_member
from teachgym.errors import ActionError, BudgetError, ConfigError, EpisodeError
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
            BudgetError: if what is left does not pay for all of them; only time is charged, and
                nothing told.
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
        self._tried: dict[str, Cost] = {}
        """The price of each action that was tried where the episode is, by the state after it."""

    @cached_property
    def lookahead(self) -> Lookahead:
        """The teacher's way to look ahead."""
        return Lookahead(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset, and discard earlier tries."""
        self._forget()
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, and discard earlier tries; one with this action has paid for the step.

        Raises:
            BudgetError: for an action that was not tried, where the tries have left no step for
                it; the environment stays as it was, and one that was tried can be made.
        """
        with self._base.ledger.undone_on_error():
            self._settle(action)
            observation, reward, terminated, truncated, info = self.env.step(action)
        self._forget()
        return observation, float(reward), terminated, truncated, info

    def snapshot(self) -> Snapshot:
        """The whole environment, with what was tried; from the states tried none can go on."""
        snapshot: Snapshot = self.env.get_wrapper_attr("snapshot")()
        return replace(snapshot, tried=dict(self._tried))

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment, and discard later tries."""
        self.env.get_wrapper_attr("restore")(snapshot)
        self._forget()
        self._tried.update(snapshot.tried)

    def branch(self, actions: Sequence[Any], starts: Sequence[str]) -> tuple[Tried, ...]:
        """Try each of ``actions``, and charge for all of them."""
        self._base.require_running()
        if starts and len(starts) != len(actions):
            raise ConfigError(f"{len(actions)} actions have {len(starts)} states; give one each")
        states = list(starts) or [HERE] * len(actions)
        space = self.env.action_space
        actions = [as_member(space, action) for action in actions]
        written = space.to_jsonable(actions)
        with self._base.ledger.timed():
            entry = self._base.probe_log.answer(
                ["branch", _plain(written), states], lambda: self._try(actions, states, written)
            )
        if "refused" in entry:
            raise BudgetError(entry["refused"])
        self._base.ledger.record(Cost(**entry["cost"]))
        # Entries of versions that charged for all but the best have no prices, and none is due.
        prices = entry.get("prices", {})
        self._tried.update({id_: Cost(**price) for id_, price in prices.items()})
        outcomes, ended = zip(entry["rewards"], entry["ids"], strict=True), entry.get("ended", ())
        return tuple(Tried(reward, id_, id_ in ended) for reward, id_ in outcomes)

    def _try(self, actions: Sequence[Any], states: Sequence[str], written: Any) -> Record:
        ledger = self._base.ledger
        try:
            ledger.require(Cost(steps=len(actions)))
            forks = self._rows()
            if HERE in states:
                now: Snapshot = self.env.get_wrapper_attr("snapshot")()
                # What was spent before a try is no part of its price.
                forks.keep(replace(now, reckoned=now.spent, incidents=()), id_=HERE)
            branch = forks.branch(states, actions)
            ledger.require(branch.cost)
        except BudgetError as error:
            return {"refused": str(error)}
        made = list(zip(states, branch.ids, branch.results, strict=True))
        ended = [*dict.fromkeys(id_ for _, id_, result in made if result[2] or result[3])]
        prices = {id_: r[4]["cost"].as_dict() for state, id_, r in made if state == HERE}
        return {
            "actions": _plain(written),
            "states": list(states),
            "rewards": branch.rewards.tolist(),
            "ids": list(branch.ids),
            **({"ended": ended} if ended else {}),
            "noise": branch.spread.noise,
            "signal": branch.spread.signal,
            "cost": branch.cost.as_dict(),
            **({"prices": prices} if prices else {}),
        }

    def _settle(self, action: Any) -> None:
        """Give back what a try of ``action`` has cost; refuse one that nothing is left for."""
        if not self._tried:
            return
        ledger = self._base.ledger
        price = self._tried.get(self._after(action))
        if price is not None:
            ledger.give_back(price, least=self._base.state.reckoned)
        elif ledger.remaining("steps") < 1:
            raise BudgetError(
                "the tries have left no step for an action that was not among them; make one that "
                "was, or try fewer"
            )

    def _after(self, action: Any) -> str:
        """The name of the state after an action; empty for what is none, as a step will say."""
        try:
            return state_after(self.env.action_space, HERE, action)
        except ActionError:
            return ""

    def _forget(self) -> None:
        self._tried.clear()
        if self._forks is not None:
            self._forks.forget_all()

    def _rows(self) -> Any:
        """The ``teachgym.envs.forks.Forks`` of this environment, made when they are needed."""
        if self._forks is None:
            # By name: forks are environments, and those are made of this module too.
            forks = load_attribute("teachgym.envs.forks:Forks")
            self._forks = forks.of(self._base, self.size, lookahead=0, render_mode=None)
        return self._forks

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what serves one process and is made when it is asked for."""
        return {**{k: v for k, v in self.__dict__.items() if k != "lookahead"}, "_forks": None}


def _plain(written: Any) -> Any:
    """The JSON form that a space gives to actions: arrays as lists."""
    return json.loads(json.dumps(written, default=lambda array: array.tolist()))
