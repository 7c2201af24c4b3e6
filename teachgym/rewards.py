"""Reward functions: pure functions of the reports before and after a step, and its cost.

Rewards are in units of accuracy (1 = from nothing right to everything right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from teachgym.errors import ConfigError, require_known
from teachgym.protocols import Reward
from teachgym.registry import Registry
from teachgym.settings import NotNegative, checked
from teachgym.types import CURRENCIES, Cost, Report


def accuracy_gain(before: Report, after: Report, cost: Cost) -> float:
    """Accuracy after minus accuracy before, in [-1, 1]; rewards of an episode telescope.

    The reward of DataEnvGym (Khan et al. 2024, arXiv 2410.06215, section 2), which its code
    computes only inside one agent.
    """
    return after.accuracy - before.accuracy


def per_skill_gain(before: Report, after: Report, cost: Cost) -> float:
    """Mean over skills of the gain in that skill, in [-1, 1]: every skill weighs the same.

    Differs from ``accuracy_gain`` when skills have unequal numbers of items. Skills that were
    not measured in both reports are left out.
    """
    earlier, later = before.by_skill(), after.by_skill()
    gains = [
        later[s].mean - earlier[s].mean for s in later if s in earlier and later[s].n * earlier[s].n
    ]
    return sum(gains) / len(gains) if gains else 0.0


def worst_student_gain(before: Report, after: Report, cost: Cost) -> float:
    """The gain in accuracy of the student that gained least, in [-1, 1].

    For several students that learn from the same data; for one it is ``accuracy_gain``.
    """
    earlier, later = before.by_student(), after.by_student()
    gains = [later[s].mean - earlier[s].mean for s in later if s in earlier]
    return min(gains) if gains else accuracy_gain(before, after, cost)


@checked
@dataclass(frozen=True)
class CostAdjusted:
    """Accuracy gain minus the price of the step: ``gain - sum(price[c] * cost[c])``."""

    prices: Mapping[str, NotNegative] = field(default_factory=lambda: {"examples": 1e-5})
    """Accuracy per unit of currency, >= 0; currencies left out are free. By default one point of
    accuracy (0.01) per thousand examples."""

    def __post_init__(self) -> None:
        require_known("currency", self.prices, CURRENCIES)

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """Gain less price; negative when the step was not worth its cost."""
        spent = cost.as_dict()
        price = sum(p * spent[currency] for currency, p in self.prices.items())
        return accuracy_gain(before, after, cost) - price


REWARDS = Registry(
    "reward",
    {
        "accuracy_gain": accuracy_gain,
        "per_skill": per_skill_gain,
        "worst_student": worst_student_gain,
        "cost_adjusted": CostAdjusted,
    },
    functions=True,
)
"""Every reward: a function of reports and cost, or a class whose objects are such functions."""


def make_reward(name: Any, prices: Mapping[str, float] | None = None) -> Reward:
    """The reward of that name, in one of the ways of ``teachgym.registry``.

    Args:
        name: names the reward, or is it.
        prices: a setting of ``cost_adjusted``, and of classes of yours that have it.

    Raises:
        UnknownNameError: for what names no reward.
        ConfigError: for prices given to another reward, unknown currencies or negative prices.
    """
    if prices is not None and not REWARDS.settings(name):
        raise ConfigError(f"prices are given, but reward={name!r}; use reward='cost_adjusted'")
    settings = {} if prices is None else {"prices": dict(prices)}
    reward: Reward = REWARDS.make(name, settings=settings)
    return reward
