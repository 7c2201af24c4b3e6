"""Skill discovery by a chat model: label each example, group the labels, assign each example.

After Didolkar et al. 2024, "Metacognitive capabilities of LLMs", arXiv 2405.12205, section 2, as
DataEnvGym uses it (arXiv 2410.06215, section 2.2 and its code). Unlike there, a question is about
several examples and questions are asked at the same time; the number of skills is kept or said to
be missed; what the model cannot assign goes to the skill ``other`` and stops nothing; and whoever
pays can set a limit. Imported only when used: needs pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from teachgym.chat.make import open_chat
from teachgym.chat.structured import StructuredChat
from teachgym.errors import BudgetError, ChatError, EpisodeError
from teachgym.given import Given
from teachgym.protocols import ChatModel, Meter, SkillDiscovery, Task
from teachgym.settings import Count, Few, Table, checked
from teachgym.shown import in_short
from teachgym.skills.aggregation import Groups, aggregate
from teachgym.skills.labelling import NamingQuestion, name_each
from teachgym.skills.names import MAX_NAME, OTHER, identity, tidy
from teachgym.types import Example, Incident, Skill


@checked
@dataclass(eq=False)
class LLMDiscovery(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` that asks a chat model.

    Equal settings and examples ask equal questions, so with a record of the chat model's answers
    (``teachgym.chat.cache``) a discovery that was stopped goes on where it was.

    Besides those of ``StructuredChat`` it notes the incidents ``skills-missing``,
    ``skills-dropped`` (see ``aggregate``) and ``unassigned``, one for each example that went to
    ``other``.
    """

    task: Given[Task]
    """The problems are of its domain; nothing else of it is read."""
    _: KW_ONLY
    chat: Given[Mapping[str, Any] | ChatModel]
    """Is asked, from several threads."""
    meter: Given[Meter | None] = None
    """Pays, and is told of incidents."""
    skills: Few | None = None
    """Their number, >= 1; None = the model decides."""
    labels: Table[Mapping[str, str]] = field(default_factory=dict)
    """Names that examples have already, by id; they are not asked for again."""
    per_question: Few = 10
    """Examples per question, >= 1."""
    rounds: Few = 3
    """The most times that a thing is asked for, >= 1."""
    workers: Few | None = None
    """Questions at a time, >= 1; None = as the chat settings say, or else 8."""
    draw: Count = 0
    """The number of the draw among the chat model's answers to equal questions, >= 0."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        model, workers = open_chat(self.chat, "method 'llm'", self.workers)
        self.asker = StructuredChat(model, self.meter, workers=workers)
        self.domain = self.task.brief.domain
        self._groups = Groups((), {})
        self._assigned: dict[Example, str] = {}

    def discover(self, examples: Sequence[Example]) -> tuple[Skill, ...]:
        """Label, group and assign all the examples; ``other`` is among the skills if needed.

        Raises:
            ChatError: if nothing got through, or no answer could be used.
            BudgetError: if the meter was empty before there were skills.
        """
        new = self._label([e for e in examples if e.id not in self.labels])
        self.labels = {**self.labels, **{e.id: label for e, label in new.items()}}
        names = [self.labels[e.id] for e in examples if e.id in self.labels]
        if names:
            self._groups = aggregate(
                self.asker,
                names,
                domain=self.domain,
                skills=self.skills,
                rounds=self.rounds,
                draw=self.draw,
            )
        if not self._groups.skills:
            raise self._failure(len(names), len(examples))
        self._assigned = self._assign(examples)
        skills = self._groups.skills
        if OTHER in self._assigned.values() and all(s.name != OTHER for s in skills):
            return (*skills, Skill(OTHER, None, "What could not be assigned to another skill."))
        return skills

    def assign(self, example: Example) -> str:
        """The skill of an example; a new example is asked about once.

        Raises:
            EpisodeError: before ``discover``.
            ChatError: if the chat model cannot be reached.
        """
        if not self._groups.skills:
            raise EpisodeError("no skills have been discovered; call discover() first")
        if example not in self._assigned:
            self._assigned |= self._assign([example])
        return self._assigned[example]

    def _label(self, examples: Sequence[Example]) -> dict[Example, str]:
        """The labels of as many examples as possible."""
        variables = {"domain": self.domain, "max_name": MAX_NAME}
        return self._name(NamingQuestion("label", variables, _readable), examples)

    def _assign(self, examples: Sequence[Example]) -> dict[Example, str]:
        """The skill of each example: by its label, else by a question, else ``other``."""
        members = self._groups.members
        found = {e: members.get(identity(self.labels.get(e.id, "")), "") for e in examples}
        skills = self._groups.skills
        names = {identity(skill.name): skill.name for skill in skills}
        question = NamingQuestion(
            "classify",
            {"domain": self.domain, "skills": [f"{s.name} | {s.description}" for s in skills]},
            lambda answer: names.get(identity(answer), ""),
        )
        found |= self._name(question, [e for e in examples if not found[e]])
        for example in examples:
            if not found[example]:
                self.asker.meter.note(Incident("unassigned", example.id))
        return {example: skill or OTHER for example, skill in found.items()}

    def _name(self, question: NamingQuestion, examples: Sequence[Example]) -> dict[Example, str]:
        return name_each(
            self.asker,
            question,
            examples,
            per_question=self.per_question,
            rounds=self.rounds,
            draw=self.draw,
        )

    def _failure(self, labelled: int, examples: int) -> Exception:
        found = f"{labelled} of {examples} examples have a label, and there are no skills"
        if empty := self.asker.meter.exhausted():
            return BudgetError(f"{found}: nothing is left of {', '.join(empty)}; raise the budget")
        return ChatError(f"{found}: {self.asker.chat.name} gave no answer that can be used")


def _readable(name: str) -> str:
    """A label as it is kept; empty if there is nothing in it."""
    return tidy(name).casefold() if identity(name) else ""
