"""What the teacher is paid for a step: pure functions of the reports before and after.

All are in units of accuracy (1 = from nothing right to everything right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from teachgym.errors import ConfigError, UnknownNameError, require_known, unknown
from teachgym.protocols import Reward
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


@dataclass(frozen=True)
class CostAdjusted:
    """Accuracy gain minus the price of the step: ``gain - sum(price[c] * cost[c])``."""

    prices: Mapping[str, float]
    """Accuracy per unit of currency, >= 0; currencies left out are free."""

    def __post_init__(self) -> None:
        require_known("currency", self.prices, CURRENCIES)
        for currency, price in self.prices.items():
            if not price >= 0:
                raise ConfigError(f"price of {currency} is {price!r}; it must be 0 or more")

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """Gain less price; negative when the step was not worth its cost."""
        spent = cost.as_dict()
        price = sum(p * spent[currency] for currency, p in self.prices.items())
        return accuracy_gain(before, after, cost) - price


DEFAULT_PRICES = {"examples": 1e-5}
"""One point of accuracy (0.01) per thousand examples."""

REWARDS = ("accuracy_gain", "per_skill", "cost_adjusted")
"""Names that ``make_reward`` knows."""


def make_reward(name: str, prices: Mapping[str, float] | None = None) -> Reward:
    """The reward of that name; ``prices`` belong to ``cost_adjusted`` alone.

    Raises:
        UnknownNameError: for a name not in ``REWARDS``.
        ConfigError: for prices given to another reward, unknown currencies or negative prices.
    """
    if name == "cost_adjusted":
        return CostAdjusted(dict(DEFAULT_PRICES if prices is None else prices))
    if prices is not None:
        raise ConfigError(f"prices are given, but reward={name!r}; use reward='cost_adjusted'")
    if name == "accuracy_gain":
        return accuracy_gain
    if name == "per_skill":
        return per_skill_gain
    raise UnknownNameError(unknown("reward", name, REWARDS))
