"""``llm`` in Skill-List environments: hypotheses about each skill, and data to test them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from teachgym.agents.context import Classroom
from teachgym.apportion import apportion, divide_evenly
from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.language.excerpts import CUT, choose, in_words
from teachgym.language.plan import MOST_SPECS, Hypothesis, hint_of
from teachgym.protocols import ChatModel, Teacher
from teachgym.settings import Count, Few, Kept, checked
from teachgym.streams import draw_seed
from teachgym.types import Order, Plan, Report, Score, Skill


class LLMSkillList(Teacher[Report, Plan]):
    """Turns each skill's errors into hypotheses, and each hypothesis into orders.

    After the Skill-List policy of DataEnvGym (arXiv 2410.06215, section 2.2; code: hypotheses x
    specifications per skill). There all errors of a skill go into its prompt, whatever their
    length; here the skills share a budget of tokens. The examples of a step are divided evenly
    among the skills that are asked about, and a skill for which the chat model wants more than
    its part gets its part.

    Args:
        classroom: what it may know, and who pays.
        chat: is asked about every skill.
        state: whether it sees the student's errors and scores. Without (the paper's "No State"),
            it sees random training examples of the skill in their place.
        hypotheses: most hypotheses per skill, >= 1.
        specs: most orders per hypothesis, in [1, 20].
        skills_per_step: ask about the so many skills with the lowest accuracy, unmeasured ones
            last (random ones, without state), >= 1; None = all, or as many as a step has
            examples.
        only_errors: with state, ask about skills with errors only.
        error_tokens: budget of the errors in all prompts of a step together, >= 0.
        workers: most calls at a time, >= 1.

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
        hypotheses: Kept = 5,
        specs: Annotated[int, Interval(ge=1, le=MOST_SPECS)] = 5,
        skills_per_step: Kept | None = None,
        only_errors: bool = False,
        error_tokens: Count = 16_000,
        workers: Few = 8,
    ) -> None:
        n_skills = len(classroom.skills)
        most = n_skills if skills_per_step is None else skills_per_step
        self.skills_per_step = most
        self.hypotheses = hypotheses
        self.specs = specs
        self.error_tokens = error_tokens
        self.classroom, self.state, self.only_errors = classroom, state, only_errors
        self.name = "llm" if state else "llm-no-state"
        self._asker = StructuredChat(chat, classroom.meter, workers=workers)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a new random generator; nothing else is remembered."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Report) -> Plan:
        """Return orders for at most the examples of a step."""
        skills = self._choose(observation)
        parts = divide_evenly(self.classroom.per_step, len(skills), self._rng).tolist()
        questions = self._questions(observation, skills, parts)
        answers = self._asker.ask(questions, Hypothesis)
        orders: list[Order] = []
        for skill, part, answer in zip(skills, parts, answers, strict=True):
            orders += self._orders(skill.name, part, answer)
        return Plan(tuple(orders))

    def _choose(self, report: Report) -> list[Skill]:
        """The skills to ask about."""
        skills = [*self.classroom.skills]
        # Nobody is asked to plan no examples.
        most = min(self.skills_per_step, self.classroom.per_step)
        if self.state and self.only_errors:
            wrong = {p.example.skill for p in report.errors}
            skills = [skill for skill in skills if skill.name in wrong]
        if len(skills) <= most:
            return skills
        skills = [skills[i] for i in self._rng.permutation(len(skills))]
        if self.state:
            scores = report.by_skill()
            skills.sort(key=lambda skill: _accuracy(scores, skill.name))
        return skills[:most]

    def _questions(
        self, report: Report, skills: Sequence[Skill], parts: Sequence[int]
    ) -> list[ChatRequest]:
        syllabus, names = self.classroom.syllabus, [skill.name for skill in skills]
        scores = report.by_skill() if self.state else {}
        kind, items = ("errors", report.errors) if self.state else ("examples", syllabus.train)
        shown = choose(items, names, self.error_tokens, self._rng, describe=syllabus.describe)
        return [
            self._question(
                skill=skill,
                count=part,
                score=in_words(scores.get(skill.name, Score.nothing())),
                **{"errors": (), "examples": (), kind: [s for s in shown if s.skill == skill.name]},
            )
            for skill, part in zip(skills, parts, strict=True)
        ]

    def _question(self, **variables: Any) -> ChatRequest:
        messages = render(
            "teachgym.agents",
            "skill_list",
            brief=self.classroom.syllabus.brief,
            state=self.state,
            mark=CUT.strip(),
            hypotheses=self.hypotheses,
            specs=self.specs,
            levels=self.classroom.levels,
            **variables,
        )
        return ChatRequest(messages, draw=draw_seed(self._rng))

    def _orders(self, skill: str, part: int, answer: Iterable[Hypothesis]) -> list[Order]:
        """The orders for one skill: ``part`` examples at most, and no empty orders."""
        wanted = [
            (hint_of(hypothesis.hypothesis, spec.practise), spec)
            for hypothesis in list(answer)[: self.hypotheses]
            for spec in hypothesis.specs[: self.specs]
        ]
        counts = apportion([spec.count for _, spec in wanted], part, self._rng).tolist()
        return [
            Order(skill, count, spec.difficulty, hint)
            for (hint, spec), count in zip(wanted, counts, strict=True)
            if count
        ]


def _accuracy(scores: Mapping[str, Score], skill: str) -> float:
    score = scores.get(skill, Score.nothing())
    return score.mean if score.n else float("inf")
