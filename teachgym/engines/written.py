"""The fields that a chat model fills in for a problem or a solution, and their use.

Needs the extra ``llm``; imported when a ``Writer`` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from teachgym.types import Brief, Draft

Fields = Mapping[str, str]
"""Field name to what it should hold, in the order in which the model fills them in."""

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]
"""As long as the gate lets through by default."""

_WRONG = {
    "wrong_solution": (
        "A solution of the same form by a student who makes one typical mistake; it must lead to "
        "`wrong_answer`."
    ),
    "wrong_answer": "A wrong answer that a student might well give, in the form of `answer`.",
}


def problem_fields(brief: Brief) -> Fields:
    """The fields of a problem, with its tests if it has some."""
    return {"problem": brief.problem, **({"tests": brief.tests} if brief.tests else {})}


def solution_fields(brief: Brief, *, wrong: bool) -> Fields:
    """The fields of a solution, reasoning before answer; with ``wrong``, also a wrong one.

    Where the brief has no worked solutions, there is none of a wrong answer either.
    """
    fields = {"solution": brief.solution, "answer": brief.answer, **(_WRONG if wrong else {})}
    return {
        name: meaning
        for name, meaning in fields.items()
        if brief.solution or not name.endswith("solution")
    }


class Item(BaseModel):
    """The base of items, whose fields depend on the task."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


ItemT = TypeVar("ItemT", bound=Item)


def item_type(fields: Fields) -> type[Item]:
    """The type of an item with these fields, each a text that is not empty; numbers become one."""
    return item_type_after(Item, fields)


def item_type_after(base: type[ItemT], fields: Fields) -> type[ItemT]:
    """As ``item_type``, of an item with those of ``base`` before them."""
    texts: Any = {name: (_Text, Field(description=meaning)) for name, meaning in fields.items()}
    return create_model("Item", __base__=base, **texts)


def right_draft(problem: Fields, filled: Fields) -> Draft:
    """The problem with its solution."""
    tests = problem.get("tests", "")
    return Draft(problem["problem"], filled["answer"], filled.get("solution", ""), tests=tests)


def wrong_draft(problem: Fields, filled: Fields) -> Draft:
    """The problem with its wrong solution."""
    tests = problem.get("tests", "")
    wrong = filled.get("wrong_solution", "")
    return Draft(problem["problem"], filled["wrong_answer"], wrong, tests=tests)
