"""Orders as the action: in words, or as shares of the step per skill and level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.apportion import apportion
from teachgym.engines.orders import fill
from teachgym.envs.admission import items_of, no_action, sift
from teachgym.envs.base import base_of
from teachgym.envs.step_info import also_rejected
from teachgym.envs.wrappers.numeric import NumericAction
from teachgym.envs.wrappers.observations import unit_box
from teachgym.errors import unknown
from teachgym.protocols import DataEngine
from teachgym.spaces import PlanSpace
from teachgym.types import Order, Plan, Report, Verdict
from teachgym.wellformed import fault_of_order


def plan_from_counts(
    counts: NDArray[np.int64], skills: Sequence[str], levels: Sequence[float]
) -> Plan:
    """One order per non-empty cell of ``counts``, shape (n_skills, n_levels)."""
    return Plan(
        tuple(
            Order(skills[s], int(counts[s, level]), levels[level])
            for s, level in np.argwhere(counts > 0)
        )
    )


def limit_plan(plan: Plan, limit: int, rng: np.random.Generator) -> Plan:
    """The plan with counts scaled to sum to at most ``limit``, without empty orders."""
    counts = apportion([order.count for order in plan.orders], limit, rng)
    orders = (replace(o, count=int(n)) for o, n in zip(plan.orders, counts, strict=True) if n > 0)
    return Plan(tuple(orders))


def teach(
    env: gym.Env[Report, Any], engine: DataEngine, plan: Plan, rejected: Sequence[Verdict] = ()
) -> tuple[Report, float, bool, bool, dict[str, Any]]:
    """Let the engine fill the plan, and step the base environment with the result.

    What is raised on the way leaves nothing charged. ``rejected`` are verdicts on what the plan
    was made from.
    """
    base = base_of(env)
    base.require_running()
    plan = Plan() if base.ending else plan
    with base.ledger.undone_on_error():
        with base.ledger.timed():
            data = fill(engine, plan, base.rng("data")) if plan.total else ()
        report, reward, terminated, truncated, info = env.step(data)
    info = also_rejected({**info, "plan": plan}, rejected)
    return report, float(reward), terminated, truncated, info


class FillPlans(gym.Wrapper[Any, Any, Any, Any]):
    """Action wrapper: a plan of orders, in words, which the engine fills with examples.

    Counts above what the budget allows in total are scaled down in proportion
    (``apportion``). ``info["plan"]`` is what was ordered. A plan without orders is legal: a
    step without training. Orders that cannot be filled are in ``info["rejected"]``, each with
    the reason ``order``; what is no plan at all is there as one item, with the reason ``action``.
    """

    def __init__(self, env: gym.Env[Report, Any], engine: DataEngine) -> None:
        super().__init__(env)
        base = base_of(env)
        self._base = base
        self.engine = engine
        self._names = tuple(skill.name for skill in base.task.skills)
        self.action_space = PlanSpace(self._names, base.examples_per_step)

    def step(self, action: Plan) -> tuple[Report, float, bool, bool, dict[str, Any]]:
        """Order, then step."""
        self._base.require_running()
        given: object = action  # It may be anything.
        if isinstance(given, Plan):
            items, malformed = items_of(given.orders)
        else:
            items, malformed = (), (no_action(given, "a Plan"),)
        orders, rejected = sift(items, "order", self._fault)
        available, rng = self._base.examples_available, self._base.rng("orders")
        plan = limit_plan(Plan(orders), available, rng)
        return teach(self.env, self.engine, plan, (*malformed, *rejected))

    def _fault(self, item: object) -> str | None:
        """The reason why an order cannot be filled."""
        if (fault := fault_of_order(item)) is not None:
            return fault
        order: Any = item
        if order.skill not in self._names:
            return unknown("skill", order.skill, self._names)
        return self.engine.fault(order)


class OrderShares(NumericAction):
    """Action wrapper: ``action[s, l]`` = share of the step for skill ``s`` at level ``l``.

    1 stands for ``examples_per_step`` examples; rounding and limits as for a plan. All zeros is a
    legal action: a step without training.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        base = base_of(env)
        self._base = base
        self.action_space = unit_box(len(base.skills), len(base.levels))

    def action(self, action: NDArray[np.float32]) -> Plan:
        """The plan; its counts are whole numbers within what the step and the budget allow."""
        amounts = action.astype(np.float64) * self._base.examples_per_step
        available, rng = self._base.examples_available, self._base.rng("orders")
        counts = apportion(amounts, available, rng)
        return plan_from_counts(counts, self._base.skills, self._base.levels)
