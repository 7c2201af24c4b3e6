"""Skill discovery by a chat model: label each example, group the labels, assign each example.

After Didolkar et al. 2024, "Metacognitive capabilities of LLMs", arXiv 2405.12205, section 2, as
DataEnvGym uses it (arXiv 2410.06215, section 2.2 and its code). Unlike there, a question is about
several examples and questions are asked at the same time; the number of skills is kept or said to
be missed; what the model cannot assign goes to the skill ``other`` and stops nothing; and whoever
pays can set a limit. Imported only when used: needs pydantic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import BudgetError, ChatError, EpisodeError
from teachgym.given import Given
from teachgym.protocols import ChatModel, Meter, SkillDiscovery, Task
from teachgym.settings import Count, Few, Table, checked
from teachgym.shown import in_short
from teachgym.skills.names import MAX_NAME, OTHER, identity, tidy
from teachgym.types import Example, Skill

MOST_NAMES = 500
"""The most names in one question, the most frequent first."""
MOST_SKILLS = 20
"""The most skills that are asked for when their number is not given."""


class Named(BaseModel):
    """The reply of a chat model about one example."""

    number: int = Field(ge=1)
    """The number of the example in the question, counted from 1."""
    skill: str = Field(min_length=1, max_length=MAX_NAME)


class Group(BaseModel):
    """A skill as the chat model gives it."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    description: str
    members: list[str]


@dataclass(frozen=True)
class Groups:
    """The reply of a chat model: skills, and the names that belong to them."""

    skills: tuple[Skill, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)
    """``identity`` of a name to the skill that lists it."""

    __repr__ = in_short

    def size(self, names: Mapping[str, int]) -> dict[str, int]:
        """Examples per skill, for names with their numbers of examples."""
        sizes = {skill.name: 0 for skill in self.skills}
        for name, count in names.items():
            if skill := self.members.get(identity(name)):
                sizes[skill] += count
        return sizes


@checked
@dataclass(eq=False)
class LLMDiscovery(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` that asks a chat model.

    Equal settings and examples ask equal questions, so with a record of the chat model's answers
    (``teachgym.chat.cache``) a discovery that was stopped goes on where it was.

    Besides those of ``StructuredChat`` it notes the incidents ``skills-missing``,
    ``skills-dropped`` (too few or too many skills were found; the largest are kept) and
    ``unassigned``, one for each example that went to ``other``.
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
        self.asker = StructuredChat.open(self.chat, "method 'llm'", self.meter, self.workers)
        self.domain = self.task.brief.domain
        self._groups = Groups()
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
            self._groups = self._group(Counter(names))
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
        return self._name("label", examples, _readable, max_name=MAX_NAME)

    def _assign(self, examples: Sequence[Example]) -> dict[Example, str]:
        """The skill of each example: by its label, else by a question, else ``other``."""
        members = self._groups.members
        found = {e: members.get(identity(self.labels.get(e.id, "")), "") for e in examples}
        skills = self._groups.skills
        names = {identity(skill.name): skill.name for skill in skills}
        found |= self._name(
            "classify",
            [e for e in examples if not found[e]],
            lambda answer: names.get(identity(answer), ""),
            skills=[f"{s.name} | {s.description}" for s in skills],
        )
        for example in examples:
            if not found[example]:
                self.asker.note("unassigned", example.id)
        return {example: skill or OTHER for example, skill in found.items()}

    def _name(
        self,
        prompt: str,
        examples: Sequence[Example],
        accept: Callable[[str], str],
        **variables: object,
    ) -> dict[Example, str]:
        """The names of the examples that got one.

        Who got none is asked about again, in new questions with the next ``draw``, in at most
        ``rounds`` rounds. Of two answers about one example the first counts. A round in which no
        call gets through, such as one for the single problem that a server refuses, is lost.

        Args:
            prompt: name of its file; it gets ``examples`` and ``variables``.
            examples: whose names are asked for.
            accept: the name that an answer stands for; empty = none, and it is asked for again.
            variables: of the prompt, besides the domain.

        Raises:
            ChatError: if there is no name at all and the calls of a round did not get through.
        """
        found: dict[Example, str] = {}
        for number in range(self.rounds):
            open_ = [e for e in examples if e not in found]
            size = self.per_question
            batches = [open_[i : i + size] for i in range(0, len(open_), size)]
            asked = [self._ask(prompt, number, examples=batch, **variables) for batch in batches]
            replies = self.asker.ask(asked, Named, needed=not found)
            for batch, answers in zip(batches, replies, strict=bool(replies)):
                for answer in answers:
                    name = accept(answer.skill)
                    if name and answer.number <= len(batch):
                        found.setdefault(batch[answer.number - 1], name)
        return found

    def _group(self, counts: Counter[str]) -> Groups:
        """Group names, with their numbers of examples, into ``skills`` skills.

        An answer with another number of skills is asked for again, with the reason. If the last
        still has too many, the largest are kept, and the examples of the others are to be sorted
        into those; if it has too few, these are the skills. Either is noted, never silent.

        Returns:
            No skills if no answer could be read, or the meter is exhausted.

        Raises:
            ChatError: if no call got through and there are no skills.
        """
        last, problem, wanted = Groups(), "", self.skills
        names = [f"{name} | {count}" for name, count in counts.most_common(MOST_NAMES)]
        told = {"names": names, "skills": wanted, "most": MOST_SKILLS, "max_name": MAX_NAME}
        for number in range(self.rounds):
            question = self._ask("aggregate", number, problem=problem, **told)
            answers = self.asker.ask([question], Group, needed=not last.skills)
            groups = _grouped([group for answer in answers for group in answer])
            got = len(groups.skills)
            if got and wanted in (None, got):
                return groups
            last = groups if got else last
            problem = f"it had {got} skills with different names; {wanted or 'some'} are wanted"
        return self._limited(last, counts)

    def _limited(self, groups: Groups, names: Mapping[str, int]) -> Groups:
        """At most ``skills`` groups, the largest; what is not as asked for is noted."""
        got, wanted = len(groups.skills), self.skills
        if wanted is None or got == 0:
            return groups
        if got < wanted:
            self.asker.note("skills-missing", f"{got} of {wanted} skills were found")
            return groups
        sizes = groups.size(names)
        kept = sorted(sizes, key=lambda name: -sizes[name])[:wanted]
        detail = f"{got} skills were found for {wanted}; the largest were kept"
        self.asker.note("skills-dropped", detail)
        return Groups(
            tuple(s for s in groups.skills if s.name in kept),
            {name: skill for name, skill in groups.members.items() if skill in kept},
        )

    def _ask(self, prompt: str, number: int, **variables: object) -> ChatRequest:
        messages = render(__package__, prompt, domain=self.domain, **variables)
        return ChatRequest(messages, self.draw + number)

    def _failure(self, labelled: int, examples: int) -> Exception:
        found = f"{labelled} of {examples} examples have a label, and there are no skills"
        if empty := self.asker.meter.exhausted():
            return BudgetError(f"{found}: nothing is left of {', '.join(empty)}; raise the budget")
        return ChatError(f"{found}: {self.asker.chat.name} gave no answer that can be used")


def _readable(name: str) -> str:
    """A label as it is kept; empty if there is nothing in it."""
    return tidy(name).casefold() if identity(name) else ""


def _grouped(answer: Sequence[Group]) -> Groups:
    """The groups with different names; a name in two groups belongs to the first."""
    skills: dict[str, Skill] = {}
    members: dict[str, str] = {}
    for group in answer:
        name = OTHER if identity(group.name) == OTHER else tidy(group.name)
        if not identity(name) or identity(name) in skills:
            continue
        skills[identity(name)] = Skill(name, None, " ".join(group.description.split()))
        for member in (group.name, *group.members):
            members.setdefault(identity(member), name)
    return Groups(tuple(skills.values()), members)
