"""``llm`` in Open-Ended environments: a chat model reads errors, plans data and writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.apportion import apportion
from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.engines.writer import Writer, WriterSettings
from teachgym.language.excerpts import CUT, Shown, choose
from teachgym.language.form import with_names
from teachgym.language.plan import SkillSpec, hint_of, known_skills
from teachgym.protocols import ChatModel, Teacher
from teachgym.settings import Count, Few, at_most, checked
from teachgym.streams import draw_seed
from teachgym.types import Data, Incident, Messages, Order, Report


class LLMOpenEnded(Teacher[Report, Data]):
    """Turns errors and examples into specifications, and specifications into training data.

    After the Open-Ended policy of DataEnvGym (arXiv 2410.06215, sections 2.1 and B.3), which
    asks for one data point per specification; here a specification says how many. If the chat
    model plans too little it is asked once more, with what it said; if too much, all is scaled
    down in proportion. A specification for a skill that the task does not have is dropped and
    counted as the incident ``unknown-skill``.

    Args:
        classroom: what it may know, and who pays.
        chat: plans and writes.
        state: whether it sees the student's errors. Without (the paper's "No State"), it sees as
            much of random training examples in their place, and nothing of the student.
        per_step: examples per step, >= 1; None = as many as the environment takes.
        error_tokens: budget of the errors in the prompt, and as much again of the examples, >= 0.
        shots: training examples that are shown beside the errors, >= 0.
        workers: most calls at a time, >= 1.
        writer: settings of the writing, those of ``WriterSettings``.

    Raises:
        ConfigError: for a number out of range.
    """

    name: str = "llm"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        chat: ChatModel,
        state: bool = True,
        per_step: int | None = None,
        error_tokens: Count = 4_000,
        shots: Count = 3,
        workers: Few = 8,
        writer: Mapping[str, Any] | None = None,
    ) -> None:
        limit = classroom.per_step if per_step is None else per_step
        self.per_step = at_most("per_step", limit, classroom.per_step)
        self.error_tokens = error_tokens
        self.shots = shots
        self.classroom, self.state = classroom, state
        self.name = "llm" if state else "llm-no-state"
        self._asker = StructuredChat(chat, classroom.meter, workers=workers)
        settings = WriterSettings(**(writer or {}))
        self._writer = Writer(classroom.syllabus, self._asker, settings)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a new random generator; nothing else is remembered."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Report) -> Data:
        """Return at most ``per_step`` examples."""
        shown = self._choose(observation)
        specs = self._ask(shown, self.per_step, ())
        if missing := max(self.per_step - sum(spec.count for spec in specs), 0):
            specs += self._ask(shown, missing, specs)
        counts = apportion([spec.count for spec in specs], self.per_step, self._rng).tolist()
        orders = [
            Order(spec.skill, count, hint=hint_of(spec.weakness, spec.practise))
            for spec, count in zip(specs, counts, strict=True)
            if count
        ]
        return self._writer.write(orders, self._rng)

    def _choose(self, report: Report) -> Mapping[str, Any]:
        """Errors and examples of the prompt."""
        skills = [skill.name for skill in self.classroom.skills]
        syllabus, most = self.classroom.syllabus, self.shots if self.state else None
        told: Mapping[str, Any] = {"describe": syllabus.describe}
        errors: tuple[Shown, ...] = ()
        if self.state:
            errors = choose(report.errors, skills, self.error_tokens, self._rng, **told)
        examples = choose(syllabus.train, skills, self.error_tokens, self._rng, most=most, **told)
        return {"errors": errors, "examples": examples}

    def _ask(
        self, shown: Mapping[str, Any], count: int, said: Sequence[SkillSpec]
    ) -> tuple[SkillSpec, ...]:
        """Specifications for known skills, for ``count`` examples more or less."""
        draw = draw_seed(self._rng)
        known = [skill.name for skill in self.classroom.syllabus.skills]
        question = ChatRequest(self._prompt(shown, count, said), draw)
        item = with_names(SkillSpec, "skill", known)
        answers = self._asker.ask([question], item, needed=not said)
        kept, rejected = known_skills([spec for specs in answers for spec in specs], known)
        for verdict in rejected:
            self.classroom.meter.note(Incident("unknown-skill", verdict.detail))
        return kept

    def _prompt(self, shown: Mapping[str, Any], count: int, said: Sequence[SkillSpec]) -> Messages:
        return render(
            "teachgym.agents",
            "open_ended",
            brief=self.classroom.syllabus.brief,
            skills=self.classroom.skills,
            state=self.state,
            mark=CUT.strip(),
            count=count,
            said=said,
            **shown,
        )
