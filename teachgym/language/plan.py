"""Plans in words: skill, amount, difficulty and reason of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, Field

from teachgym.errors import unknown
from teachgym.language.form import (
    Count,
    Difficulty,
    Form,
    Name,
    Reading,
    Text,
    with_names,
    write_items,
)
from teachgym.shown import shown
from teachgym.types import Order, Plan, Verdict

MOST_SPECS = 20
"""Specifications in one hypothesis."""


class PlanItem(BaseModel):
    """Order training examples of a skill."""

    skill: Name
    count: Count
    """Examples."""
    difficulty: Difficulty | None = None
    """None = any."""
    practise: Text = ""
    """The content that they should train, for an engine that reads it."""


class SkillSpec(BaseModel):
    """The data that an Open-Ended teacher wants."""

    skill: Name
    weakness: Text
    """The kind of mistake, and its cause."""
    practise: Text
    count: Count
    """Examples."""


class Spec(BaseModel):
    """Data for a skill that is known."""

    practise: Text
    count: Count
    """Examples."""
    difficulty: Difficulty | None = None
    """None = any."""


class Hypothesis(BaseModel):
    """The cause of a student's errors in a skill, and the remedy."""

    hypothesis: Text
    specs: Annotated[list[Spec], Field(max_length=MOST_SPECS)]


SkilledT = TypeVar("SkilledT", SkillSpec, PlanItem)


@dataclass(frozen=True, kw_only=True)
class PlanForm(Form[Plan, PlanItem]):
    """A ``Plan``: each item, and each call of ``order``, is an order.

    Example:
        >>> from teachgym.testing import ToyTask
        >>> from teachgym.syllabus import Syllabus
        >>> known = Syllabus.of(ToyTask())
        >>> form = PlanForm(brief=known.brief, skills=known.skills, per_step=10)
        >>> reading = form.parse('I suggest {"items": [{"skill": "copy", "count": 3}]}')
        >>> [(order.skill, order.count) for order in reading.action.orders]
        [('copy', 3)]
        >>> [verdict.reason for verdict in form.parse("I don't know.").rejected]
        ['reply']
    """

    name: ClassVar[str] = "plan"

    @property
    def item(self) -> type[PlanItem]:
        """``PlanItem`` of the skills that exist."""
        return with_names(PlanItem, "skill", self.names)

    @property
    def calls(self) -> Mapping[str, type[BaseModel]]:
        """``order``."""
        return {"order": self.item}

    def read(self, items: Sequence[PlanItem]) -> Reading[Plan]:
        """Orders of the skills that exist."""
        kept, rejected = known_skills(items, self.names)
        return Reading(
            Plan(tuple(Order(i.skill, i.count, i.difficulty, i.practise) for i in kept)), rejected
        )


def known_skills(
    items: Iterable[SkilledT], names: Sequence[str]
) -> tuple[tuple[SkilledT, ...], tuple[Verdict, ...]]:
    """The items whose skill exists, and verdicts on the others."""
    items = tuple(items)
    rejected = (
        Verdict(None, "order", unknown("skill", item.skill, names), shown(item.model_dump()))
        for item in items
        if item.skill not in names
    )
    return tuple(item for item in items if item.skill in names), tuple(rejected)


def hint_of(why: str, practise: str) -> str:
    """The hint of an order from a teacher's thought."""
    return f"hypothesis: {why}\npractise: {practise}"


def write_plan(plan: Plan) -> str:
    """The reply for a given plan, without engines and seeds.

    Example:
        >>> write_plan(Plan((Order("copy", 3, 0.5),)))
        '{"items": [{"skill": "copy", "count": 3, "difficulty": 0.5}]}'
    """
    return write_items(
        {
            "skill": order.skill,
            "count": order.count,
            **({} if order.difficulty is None else {"difficulty": order.difficulty}),
            **({"practise": order.hint} if order.hint else {}),
        }
        for order in plan.orders
    )
