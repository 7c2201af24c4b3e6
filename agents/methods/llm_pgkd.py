"""``llm-pgkd``: a chat model reads the report, right and wrong answers, and hard negatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import draw, examine, wrong
from teachgym.agents.methods.pgkd import surest
from teachgym.apportion import apportion
from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import BudgetError
from teachgym.language.excerpts import CUT, Shown, cut, in_words
from teachgym.language.form import with_names
from teachgym.language.plan import PlanItem, known_skills
from teachgym.protocols import ChatModel, Teacher
from teachgym.settings import Few, FewOrNone, Kept, checked
from teachgym.streams import draw_seed
from teachgym.types import Incident, Order, Plan, Report, Score

LONGEST = 200
"""Tokens of an answer that is shown, with its exercise, by estimate."""
RIGHT = "Right answers of the student"
"""Heads those in the prompt."""


class LLMPGKD(Teacher[Report, Plan]):
    """Shows the student's report and answers to a chat model, and follows its plan.

    Performance-guided knowledge distillation (Di Palo et al. 2024, arXiv 2411.05045, algorithm 1)
    shows it the classes, the student's report by
    class, 16 right answers, 16 wrong ones and the 16 wrong ones that it is the surest of. The same
    without a chat model is ``pgkd``, where the points are listed in which both depart from the
    paper: how sure a student is, on what it is examined, and when it is over. Besides, the model
    says what should be practised instead of writing the examples, which the engine does.

    Args:
        classroom: the task without its held-out splits, and who pays.
        chat: is asked once a step.
        exam: training items asked in each step.
        shown: answers of each kind that are shown at most; 0 = only the report is.
        report: whether scores are shown; without, the paper's ablation.
        workers: most calls at a time, >= 1.
    """

    name = "llm-pgkd"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        chat: ChatModel,
        exam: Kept = 64,
        shown: FewOrNone = 16,
        report: bool = True,
        workers: Few = 8,
    ) -> None:
        self.classroom, self.exam, self.shown, self.report = classroom, exam, shown, report
        self._asker = StructuredChat(chat, classroom.meter, workers=workers)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw other items for another seed."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Report) -> Plan:
        """The chat model's orders, limited to a step."""
        names = [skill.name for skill in self.classroom.skills]
        scores = observation.by_skill() if self.report else {}
        messages = render(
            "teachgym.agents",
            "pgkd",
            brief=self.classroom.syllabus.brief,
            skills=self.classroom.skills,
            scores={name: in_words(scores.get(name, Score.nothing())) for name in names},
            shown=self._answers() if self.shown else {},
            right=RIGHT,
            mark=CUT.strip(),
            count=self.classroom.per_step,
            levels=self.classroom.levels,
        )
        question = ChatRequest(messages, draw=draw_seed(self._rng))
        (items,) = self._asker.ask([question], with_names(PlanItem, "skill", names))
        kept, rejected = known_skills(items, names)
        for verdict in rejected:
            self.classroom.meter.note(Incident("unknown-skill", verdict.detail))
        counts = apportion([i.count for i in kept], self.classroom.per_step, self._rng).tolist()
        pairs = zip(kept, counts, strict=True)
        return Plan(tuple(Order(i.skill, n, i.difficulty, i.practise) for i, n in pairs if n))

    def _answers(self) -> Mapping[str, Sequence[Shown]]:
        """Answers to the exam by their kind; none that cannot be paid for."""
        try:
            answers = examine(self.classroom, draw(self.classroom, self.exam, self._rng))
            failed = wrong(answers)
            hard = surest(self.classroom, failed)
        except BudgetError:
            return {}
        kinds = {
            RIGHT: [answer for answer in answers if answer.score == 1],
            "Mistakes of the student": failed,
            "Mistakes of the student that it is the surest of": hard,
        }
        describe = self.classroom.syllabus.describe
        return {
            title: [cut(Shown.of(answer, describe), LONGEST) for answer in own[: self.shown]]
            for title, own in kinds.items()
        }
