"""Skill discovery by a chat model: label each example, group the labels, assign each example.

After Didolkar et al. 2024, "Metacognitive capabilities of LLMs", arXiv 2405.12205, section 2, as
DataEnvGym uses it (arXiv 2410.06215, section 2.2 and its code). Unlike there, a question is about
several examples and questions are asked at the same time; the number of skills is kept or said to
be missed; what the model cannot assign goes to the skill ``other`` and stops nothing; and whoever
pays can set a limit. Imported only when used: needs pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teachgym.chat.make import open_chat
from teachgym.chat.structured import StructuredChat
from teachgym.errors import BudgetError, ChatError, ConfigError, EpisodeError
from teachgym.protocols import ChatModel, Meter, SkillDiscovery, Task
from teachgym.settings import Count, Few
from teachgym.skills.aggregation import Groups, aggregate
from teachgym.skills.labelling import NamingQuestion, name_each
from teachgym.skills.names import MAX_NAME, OTHER, identity, tidy
from teachgym.types import Example, Incident, Skill


def discover_by_chat(
    task: Task,
    *,
    chat: Mapping[str, Any] | ChatModel,
    meter: Meter | None = None,
    skills: Few | None = None,
    labels: Mapping[str, str] | None = None,
    per_question: Few = 10,
    rounds: Few = 3,
    workers: Few | None = None,
    draw: Count = 0,
) -> LLMDiscovery:
    """Discovery by a chat model that labels examples and groups labels; see ``LLMDiscovery``."""
    model, workers = open_chat(chat, "method 'llm'", workers)
    return LLMDiscovery(
        model,
        task.brief.domain,
        meter=meter,
        skills=skills,
        labels=labels,
        per_question=per_question,
        rounds=rounds,
        workers=workers,
        draw=draw,
    )


class LLMDiscovery(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` that asks a chat model.

    Equal settings and examples ask equal questions, so with a record of the chat model's answers
    (``teachgym.chat.cache``) a discovery that was stopped goes on where it was.

    Besides those of ``StructuredChat`` it notes the incidents ``skills-missing``,
    ``skills-dropped`` (see ``aggregate``) and ``unassigned``, one for each example that went to
    ``other``.

    Args:
        chat: is asked, from several threads.
        domain: what the problems are, as in ``Brief.domain``.
        meter: pays, and is told of incidents.
        skills: how many, >= 1; None = the model decides.
        labels: names that examples have already, by id; they are not asked for again.
        per_question: examples per question, >= 1.
        rounds: the most times that a thing is asked for, >= 1.
        workers: questions at a time, >= 1.
        draw: which of the chat model's answers to equal questions are wanted, >= 0.

    Raises:
        ConfigError: for a number out of range.
    """

    def __init__(
        self,
        chat: ChatModel,
        domain: str,
        *,
        meter: Meter | None = None,
        skills: Few | None = None,
        labels: Mapping[str, str] | None = None,
        per_question: Few = 10,
        rounds: Few = 3,
        workers: Few = 8,
        draw: Count = 0,
    ) -> None:
        numbers = {"skills": skills, "per_question": per_question, "rounds": rounds}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise ConfigError(f"{name} is {number}; it must be 1 or more")
        self.asker = StructuredChat(chat, meter, workers=workers)
        self.domain, self.skills = domain, skills
        self.per_question, self.rounds, self.draw = per_question, rounds, draw
        self.labels: Mapping[str, str] = dict(labels or {})
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
