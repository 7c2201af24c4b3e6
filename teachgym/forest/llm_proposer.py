"""Subskills proposed by a chat model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.protocols import ChatModel, Meter, Task
from teachgym.settings import Few, FewOrNone, checked
from teachgym.skills.names import MAX_NAME, tidy, unlike
from teachgym.streams import draw_seed
from teachgym.syllabus import Syllabus
from teachgym.types import Example, leaves_by_root


class Proposal(BaseModel):
    """A subskill as the chat model gives it."""

    name: str = Field(min_length=1, max_length=MAX_NAME)


class LLMProposer:
    """Asks a chat model for subskills of a root, or of a subskill that was found before.

    After the proposer of DataEnvGym's code, with names that really are new: unlike all names of
    the forest and of the task, except the root's own leaves, whatever their case and punctuation.

    Args:
        task: known by its ``Syllabus``, and so nothing of val and test.
        meter: pays, and is told of incidents.
        chat: a chat model or its settings; it is asked one question at a time.
        shots: training examples of a root that are shown, drawn at random, >= 0.
        attempts: the most calls for one question whose replies cannot be read, >= 1.
    """

    @checked
    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        chat: Mapping[str, Any] | ChatModel,
        shots: FewOrNone = 3,
        attempts: Few = 3,
    ) -> None:
        self.asker = StructuredChat.open(chat, "proposer 'llm'", meter, 1, attempts)
        self.syllabus, self.shots = Syllabus.of(task), shots
        self._leaves = leaves_by_root(self.syllabus.skills)
        self._described = {skill.name: skill.description for skill in self.syllabus.skills}

    def propose(
        self, skill: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """At most ``count`` new names, asking twice if necessary; none if the meter is empty.

        Raises:
            ChatError: if no call got through and there is no name.
        """
        leaves = self._leaves.get(skill, ())
        taken = (*known, *(name for name in self._described if name not in leaves))
        examples = self._examples(skill, rng)
        found: tuple[str, ...] = ()
        for _ in range(2):
            missing = count - len(found)
            if missing <= 0:
                break
            messages = render(
                __package__,
                "propose",
                brief=self.syllabus.brief,
                skill=skill,
                description=self._described.get(skill, ""),
                examples=examples,
                known=(*taken, *found),
                count=missing,
                max_name=MAX_NAME,
            )
            question = ChatRequest(messages, draw_seed(rng))
            answers = self.asker.ask([question], Proposal, needed=not found)
            names = [tidy(proposal.name) for answer in answers for proposal in answer]
            found = unlike((*found, *names), taken)[:count]
        return found

    def _examples(self, root: str, rng: np.random.Generator) -> list[Example]:
        """Some training examples of a root; none of a subskill that the task does not know."""
        leaves = self._leaves.get(root, ())
        pool = [example for example in self.syllabus.train if example.skill in leaves]
        chosen = rng.permutation(len(pool))[: self.shots]
        return [pool[i] for i in chosen]
