"""Training examples in words: a skill, a problem and its solution, as writers fill them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import BaseModel

from teachgym.engines.written import (
    Fields,
    Item,
    item_type_after,
    problem_fields,
    right_draft,
    solution_fields,
)
from teachgym.errors import ConfigError, unknown
from teachgym.language.form import Difficulty, Form, Name, Reading, with_names, write_items
from teachgym.shown import shown
from teachgym.types import Data, Draft, Example, Provenance, Verdict


class Written(Item):
    """Write a training example of a skill."""

    skill: Name
    difficulty: Difficulty | None = None
    """None = not said."""


@dataclass(frozen=True, kw_only=True)
class ExamplesForm(Form[Data, Written]):
    """Training data: each item, and each call of ``write_example``, is an example.

    ``skills`` are the leaf skills, which examples carry.
    """

    name: ClassVar[str] = "examples"

    compose: Callable[[Draft, str, float | None], Example]
    """``Syllabus.compose``: gives what was written the form that students see."""

    @property
    def fields(self) -> Fields:
        """The fields to fill in, with their meaning."""
        return {**problem_fields(self.brief), **solution_fields(self.brief, wrong=False)}

    @property
    def item(self) -> type[Written]:
        """``Written``, with the task's ``fields``."""
        return item_type_after(with_names(Written, "skill", self.names), self.fields)

    @property
    def calls(self) -> Mapping[str, type[BaseModel]]:
        """``write_example``."""
        return {"write_example": self.item}

    def read(self, items: Sequence[Written]) -> Reading[Data]:
        """The examples that the task accepts."""
        data: list[Example] = []
        rejected: list[Verdict] = []
        for item in items:
            made = self._compose(item.model_dump())
            if isinstance(made, Verdict):
                rejected.append(made)
            else:
                data.append(made)
        return Reading(tuple(data), tuple(rejected))

    def _compose(self, filled: Mapping[str, Any]) -> Example | Verdict:
        if (skill := filled["skill"]) not in self.names:
            return Verdict(None, "format", unknown("skill", skill, self.names), shown(filled))
        try:
            draft = right_draft(filled, filled)
            example = self.compose(draft, skill, filled["difficulty"])
        except ConfigError as error:
            return Verdict(None, "format", str(error), shown(filled))
        return replace(example, source="teacher", provenance=Provenance(teacher="text"))


def write_examples(data: Data) -> str:
    """The reply that hands in examples: prompts as problems, targets as answers.

    ``parse`` gives examples the task's form, so what has it already may get it twice.
    """
    return write_items(
        {
            "skill": example.skill,
            **({} if example.difficulty is None else {"difficulty": example.difficulty}),
            "problem": example.prompt,
            "answer": example.target,
        }
        for example in data
    )
