"""What chat models answer to teachers: the items of their replies.

Lengths are bounded, because a weak model whose answer is bound to a schema ends it only there.
Needs the extra ``llm``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from teachgym.errors import missing_extra

try:
    from pydantic import BaseModel, Field, WithJsonSchema, create_model
except ImportError as error:
    raise missing_extra("pydantic", "llm") from error

MOST_SPECS = 20
"""Specifications in one hypothesis."""

Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=4_000)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Difficulty = Annotated[float, Field(ge=0, le=1)]


class SkillSpec(BaseModel):
    """What data an Open-Ended teacher wants."""

    skill: Name
    weakness: Text
    """What goes wrong, and why."""
    practise: Text
    count: Count
    """Examples."""


def skill_spec(names: Sequence[str]) -> type[SkillSpec]:
    """``SkillSpec`` whose schema allows these skills only.

    Models that are bound to the schema can say nothing else; what others say is read as it is,
    so that a wrong name costs one specification and is counted by its name.
    """
    allowed = WithJsonSchema({"type": "string", "enum": list(names)})
    return create_model("SkillSpec", __base__=SkillSpec, skill=(Annotated[str, allowed], ...))


class Spec(BaseModel):
    """Data for a skill that is known."""

    practise: Text
    count: Count
    """Examples."""
    difficulty: Difficulty | None = None
    """None = any."""


class Hypothesis(BaseModel):
    """Why the student errs in a skill, and what would help."""

    hypothesis: Text
    specs: Annotated[list[Spec], Field(max_length=MOST_SPECS)]


class Share(BaseModel):
    """Examples of a step for a known subskill."""

    subskill: Name
    examples: Count


class TreeAnswer(BaseModel):
    """Explore or exploit."""

    reasoning: Text
    """First, so that it is written before the decision."""
    action: Literal["explore", "exploit"]
    skill: Name = ""
    """Explore: under what, a root or a known subskill; empty = the root."""
    new_subskills: Count = 0
    """Explore: how many to look for."""
    examples_for_new: Count = 0
    """Explore: examples for each of them."""
    allocation: Annotated[list[Share], Field(max_length=100)] = []
    """Exploit."""


def hint_of(why: str, practise: str) -> str:
    """A teacher's thought as an order carries it."""
    return f"hypothesis: {why}\npractise: {practise}"
