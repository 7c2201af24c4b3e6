"""Groups many fine skill names into a few exclusive skills, by a chat model.

Imported only when used: needs pydantic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.shown import in_short
from teachgym.skills.names import MAX_NAME, identity, tidy
from teachgym.types import Incident, Skill

MOST_NAMES = 500
"""The most names in one question, the most frequent first."""

MOST_SKILLS = 20
"""The most skills that are asked for when their number is not given."""


class Group(BaseModel):
    """A skill as the chat model gives it."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    description: str
    members: list[str]


@dataclass(frozen=True)
class Groups:
    """The reply of a chat model: skills, and the names that belong to them."""

    skills: tuple[Skill, ...]
    members: Mapping[str, str]
    """``identity`` of a name to the skill that lists it."""

    __repr__ = in_short

    def size(self, names: Mapping[str, int]) -> dict[str, int]:
        """Examples per skill, for names with their numbers of examples."""
        sizes = {skill.name: 0 for skill in self.skills}
        for name, count in names.items():
            if skill := self.members.get(identity(name)):
                sizes[skill] += count
        return sizes


def aggregate(
    asker: StructuredChat,
    names: Sequence[str],
    *,
    domain: str,
    skills: int | None,
    rounds: int,
    draw: int,
) -> Groups:
    """Group ``names``, one for each example, into ``skills`` skills (None: the model decides).

    An answer with another number of skills is asked for again, with the reason, in at most
    ``rounds`` questions. If the last still has too many, the largest are kept, and the examples
    of the others are to be sorted into those; if it has too few, these are the skills. Either is
    noted as an incident, ``skills-dropped`` or ``skills-missing``, never silent.

    Returns:
        No skills if no answer could be read, or the meter is exhausted.

    Raises:
        ChatError: if no call got through.
    """
    counts = Counter(names)
    last, problem = Groups((), {}), ""
    for number in range(rounds):
        messages = render(
            __package__,
            "aggregate",
            domain=domain,
            names=[f"{name} | {count}" for name, count in counts.most_common(MOST_NAMES)],
            skills=skills,
            most=MOST_SKILLS,
            max_name=MAX_NAME,
            problem=problem,
        )
        (answer,) = asker.ask([ChatRequest(messages, draw + number)], Group)
        groups = _grouped(answer)
        got = len(groups.skills)
        if got and skills in (None, got):
            return groups
        last = groups if got else last
        problem = f"it had {got} skills with different names; {skills or 'some'} are wanted"
    return _limited(last, skills, counts, asker)


def _grouped(answer: Sequence[Group]) -> Groups:
    """The groups with different names; a name in two groups belongs to the first."""
    skills: dict[str, Skill] = {}
    members: dict[str, str] = {}
    for group in answer:
        name = tidy(group.name)
        if not identity(name) or identity(name) in skills:
            continue
        skills[identity(name)] = Skill(name, None, " ".join(group.description.split()))
        for member in (group.name, *group.members):
            members.setdefault(identity(member), name)
    return Groups(tuple(skills.values()), members)


def _limited(
    groups: Groups, skills: int | None, names: Mapping[str, int], asker: StructuredChat
) -> Groups:
    """At most ``skills`` groups, the largest; what is not as asked for is noted."""
    got = len(groups.skills)
    if skills is None or got == 0:
        return groups
    if got < skills:
        detail = f"{got} of {skills} skills were found"
        asker.meter.note(Incident("skills-missing", detail))
        return groups
    sizes = groups.size(names)
    kept = sorted(sizes, key=lambda name: -sizes[name])[:skills]
    detail = f"{got} skills were found for {skills}; the largest were kept"
    asker.meter.note(Incident("skills-dropped", detail))
    return Groups(
        tuple(s for s in groups.skills if s.name in kept),
        {name: skill for name, skill in groups.members.items() if skill in kept},
    )
