"""Reward functions: pure functions of the reports before and after a step and of its cost.

Rewards are in units of accuracy (1 = from nothing right to everything right).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any

from annotated_types import Interval

from teachgym.errors import ConfigError, require_known
from teachgym.protocols import Reward
from teachgym.registry import Registry
from teachgym.settings import NotNegative, checked
from teachgym.types import CURRENCIES, Cost, Data, Report, Score


def accuracy_gain(before: Report, after: Report, cost: Cost) -> float:
    """Accuracy after minus before, in [-1, 1]; an episode's rewards sum to last minus first.

    The reward of DataEnvGym (Khan et al. 2024, arXiv 2410.06215, section 2), which its code
    computes only inside one agent.
    """
    return after.accuracy - before.accuracy


def per_skill_gain(before: Report, after: Report, cost: Cost) -> float:
    """The mean of the skills' gains with equal weights, in [-1, 1].

    Differs from ``accuracy_gain`` when skills have unequal numbers of items. Skills that were
    not measured in both reports are left out.
    """
    return _skill_gain(before, after, 1.0)


def _skill_gain(before: Report, after: Report, exponent: float) -> float:
    """Mean gain in ``accuracy ** exponent`` over the skills that were measured both times."""
    earlier, later = before.by_skill(), after.by_skill()
    twice = [s for s in later if s in earlier and later[s].n * earlier[s].n]
    gains = [later[s].mean ** exponent - earlier[s].mean ** exponent for s in twice]
    return sum(gains) / len(gains) if gains else 0.0


def worst_student_gain(before: Report, after: Report, cost: Cost) -> float:
    """The accuracy gain of the student that gained least, in [-1, 1].

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


@checked
@dataclass(frozen=True)
class SkillPotential:
    """Gain in the skills' mean of ``accuracy ** exponent``; below 1, weak skills count more.

    The difference of a potential, so that the rewards of an episode telescope (Ng, Harada and
    Russell 1999, "Policy invariance under reward transformations", with a discount of 1); with an
    exponent of 1 it is ``per_skill_gain``. Skills that were not measured twice are left out.
    """

    exponent: Annotated[float, Interval(gt=0, le=1)] = 0.5
    """In (0, 1]."""

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """The potential after minus the potential before, in [-1, 1]."""
        return _skill_gain(before, after, self.exponent)


@checked
@dataclass(frozen=True)
class LowerBound:
    """Accuracy gain minus ``width`` of its paired standard errors: a lower bound."""

    width: NotNegative = 1.0
    """In standard errors, >= 0; 0 = ``accuracy_gain``."""

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """The lower end of an interval around the gain; 0 where no answer has changed its score."""
        gain = Score.of_repetitions(after.scores - before.scores)
        error = gain.stderr if gain.n > 1 else 0.0
        return accuracy_gain(before, after, cost) - self.width * error


REWARDS = Registry(
    "reward",
    {
        "accuracy_gain": accuracy_gain,
        "per_skill": per_skill_gain,
        "worst_student": worst_student_gain,
        "cost_adjusted": CostAdjusted,
        "skill_potential": SkillPotential,
        "lower_bound": LowerBound,
    },
    functions=True,
)
"""Every reward: a function of reports and cost, or a class whose objects are such functions."""


def make_reward(name: Any, prices: Mapping[str, float] | None = None) -> Reward:
    """The reward with this name, in any form that ``teachgym.registry`` accepts.

    Args:
        name: names the reward, or is it.
        prices: a setting of ``cost_adjusted``, and of classes of yours that have it.

    Raises:
        UnknownNameError: for what names no reward.
        ConfigError: for prices given to another reward, unknown currencies or negative prices.
    """
    if prices is not None and "prices" not in REWARDS.settings(name):
        raise ConfigError(f"prices are given, but reward={name!r}; use reward='cost_adjusted'")
    settings = {} if prices is None else {"prices": dict(prices)}
    reward: Reward = REWARDS.make(name, settings=settings)
    return reward


# -- proxies: what other systems pay a teacher instead of the gain -------------------------------


def learnability(before: Report, after: Report, data: Data) -> float:
    """Mean over the step's examples of 4 p (1 - p), in [0, 1]; it ignores what was learned.

    p is the student's accuracy on ``val``, before the step, in the example's skill and difficulty,
    or in its skill where that was not measured. The form that pays proposers of problems by how
    often they are solved (Florensa et al. 2018, arXiv 1705.06366, pays for being between two
    bounds; R-Zero, arXiv 2508.05004, 1 - 2 |p - 1/2|); there p is measured on the problem itself.
    """
    chance = cache(partial(_accuracy_of, before))
    chances = [chance(e.skill, e.difficulty) for e in data]
    paid = [4 * p * (1 - p) for p in chances if p is not None]
    return sum(paid) / len(paid) if paid else 0.0


def learning_progress(before: Report, after: Report, data: Data) -> float:
    """Mean over the step's examples of the absolute change in accuracy of their skill, in [0, 1].

    After absolute learning progress (Portelas et al. 2020, arXiv 1910.07224), by skill. It pays
    for what was taught alone, and for forgetting as for learning.
    """
    earlier, later = before.by_skill(), after.by_skill()
    taught = [e.skill for e in data if e.skill in earlier and e.skill in later]
    changes = [abs(later[s].mean - earlier[s].mean) for s in taught if earlier[s].n * later[s].n]
    return sum(changes) / len(changes) if changes else 0.0


def quality(before: Report, after: Report, data: Data) -> float:
    """Mean rating of the step's examples by the environment's teacher model, in [0, 1].

    It ignores the student. A rating is the model's judgement of the target as an answer, as the
    chat model of AlpaGasus rates responses (Chen et al. 2023, arXiv 2307.08701, from 0 to 5; that
    paper filters by it, and this is paid). Examples without a rating are left out.
    """
    ratings = [e.provenance.rating for e in data if e.provenance]
    told = [rating for rating in ratings if rating is not None]
    return sum(told) / len(told) if told else 0.0


def _accuracy_of(report: Report, skill: str, difficulty: float | None) -> float | None:
    """Accuracy in a skill at a difficulty, else in the skill; None = not measured."""
    skilled = [p for p in report.predictions if p.example.skill == skill]
    level = [p for p in skilled if p.example.difficulty == difficulty]
    scores = [Score.of(p.score for p in some) for some in (level, skilled)]
    return next((score.mean for score in scores if score.n), None)


Proxy = Callable[[Report, Report, Data], float]
"""From the reports before and after a step, and the examples trained on, to what is paid."""

PROXIES = Registry(
    "proxy",
    {"learnability": learnability, "learning_progress": learning_progress, "quality": quality},
    functions=True,
)
"""Every proxy, which environments pay with ``proxy=`` instead of the reward."""
