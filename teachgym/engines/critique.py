"""``CritiqueEngine``: judgements of answers to another engine's exercises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgym.chat.settings import Chat, check_chat
from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.candidates import BorrowedAnswers, Candidates, StudentAnswers
from teachgym.engines.orders import fill
from teachgym.errors import ConfigError, require_part_names
from teachgym.gate.kinds import JUDGEMENT
from teachgym.protocols import Meter, Student, Task
from teachgym.settings import FromJson, Share, checked
from teachgym.streams import Streams
from teachgym.students import require_one_student
from teachgym.students.several import StudentPart
from teachgym.types import Data, Example, Plan

if TYPE_CHECKING:
    from teachgym.engines.critic import Critic


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class CritiqueEngine(AroundEngine):
    r"""Turns exercises into critiques: is this answer right, and what should it be?

    The form of critique fine-tuning (Wang et al. 2025, arXiv 2506.03295): p(critique | problem,
    candidate). The prompt is the exercise with a candidate answer, right or wrong; the target is
    ``right``, or ``wrong`` and below it the right answer. Candidates are right answers and those
    to other exercises of the same skill and level, or what ``students`` answer. Differences: the
    paper has ten models answer one problem, often. A critique names the right answer, and says why
    only where a chat model does (``reasons``), where the paper has seven models write all of it.
    The paper's effect rides on what a student was pretrained on, and is not to be expected of one
    that was not.

    With ``students`` and without the right answer (``corrected=False``) it is the data of
    TrueTeacher (Gekhman et al. 2023, arXiv 2305.11171), from which a student learns to find errors
    that other students make. Differences: the task's grader labels the answers, where the paper
    has a large language model judge summaries; students are those that are named, where the paper
    trains some of several sizes for it.

    The task never grades a critique: it is auxiliary text of the kind ``judgement``, of which the
    gate checks that the judgement is the task's own.

    Raises:
        ConfigError: for reasons without a chat model or without the right answer; for students of
            a task that answers back.
    """

    name = "critique"

    wrong: Share = 0.5
    """The chance of a wrong candidate, in [0, 1]. Where students are all right, or all wrong, the
    candidate is what they gave."""
    students: Mapping[str, FromJson[StudentPart]] = field(default_factory=dict)
    """The students whose greedy answers are the candidates, untrained, by names of yours, such as
    ``{"a": {"student": "tiny", "student_settings": {"base": 1}}}``. Each answers every exercise,
    charged as a call of the teacher. Empty = candidates are answers to other exercises."""
    asks: str = "\nIs this answer right or wrong?\n"
    """The words below the candidate. ``tiny`` knows neither line ends nor capitals nor ``?``."""
    corrected: bool = True
    """Whether the right answer stands below ``wrong``."""
    reasons: bool = False
    """Whether a chat model says why an answer is right or wrong, in a call for each."""
    critic: Any = field(init=False, repr=False)
    """The ``Critic`` that writes reasons; None = there are none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_students()
        if self.reasons and not self.corrected:
            raise ConfigError("reasons stand below the right answer; set corrected=True")
        critic = _critic(self.chat, self.meter, self.task) if self.reasons else None
        object.__setattr__(self, "critic", critic)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` critiques per order."""
        streams = Streams(rng)
        made = fill(self.other, plan, streams.of("exercises"))
        exercises = tuple(e for e in made if is_in_text(e))
        candidates = self._candidates(made, exercises)
        found = (
            self._judged(e, candidates, streams.of("candidate", e.identity)) for e in exercises
        )
        judged = tuple(critique for critique in found if critique is not None)
        return self.critic.explain(judged, streams.of("critic")) if self.critic else judged

    @cached_property
    def authors(self) -> Mapping[str, Student]:
        """The students, loaded when they are first asked."""
        return {name: part.make(self.task) for name, part in self.students.items()}

    def _check_students(self) -> None:
        """Refuse students that cannot be asked, before they are loaded."""
        if not self.students:
            return
        require_part_names("students", self.students)
        for part in self.students.values():
            require_one_student(part.student, "engine 'critique'")
        if self.task.max_turns > 1:
            raise ConfigError(
                f"a critique shows one answer, and task {self.task.name!r} answers back; leave "
                "engine_settings.students out, or choose another task"
            )

    def _candidates(self, made: Data, exercises: Data) -> Candidates:
        """The answers to the exercises among what was made."""
        if not self.students:
            return BorrowedAnswers(self.task, made)
        return StudentAnswers(self.task, self.authors, exercises, self.meter)

    def _judged(
        self, example: Example, candidates: Candidates, rng: np.random.Generator
    ) -> Example | None:
        """The critique of a candidate answer to the exercise, if there is one."""
        wrong, lot = rng.random() < self.wrong, float(rng.random())
        if (candidate := candidates.pick(example, lot, wrong=wrong)) is None:
            return None
        verdict = f"wrong\n{example.target}" if self.corrected else "wrong"
        return replace(
            example,
            prompt=f"{example.prompt}{candidate.text}{self.asks}",
            target=verdict if candidate.is_wrong else "right",
            source="teacher",
            kind=JUDGEMENT,
            meta={
                "question": example.prompt,
                "candidate": candidate.text,
                "answer": example.target,
                **({"author": candidate.author} if candidate.author else {}),
            },
            spans=(),
            soft_labels=(),
            rejected=None,
        )


def _critic(chat: Chat | None, meter: Meter | None, task: Task) -> Critic:
    """The writer of reasons. Its packages (extra ``llm``) are imported when one is made."""
    check_chat(chat, "engine 'critique' with reasons")
    from teachgym.chat.structured import StructuredChat
    from teachgym.engines.critic import Critic

    return Critic(StructuredChat.open(chat, "engine 'critique'", meter), task)
