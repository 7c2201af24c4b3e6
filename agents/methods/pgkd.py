"""``pgkd``: the student's confident mistakes, and the weak skills of its report."""

from __future__ import annotations

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import draw, examine, probes_of, wrong
from teachgym.apportion import apportion, divide_evenly
from teachgym.errors import BudgetError
from teachgym.protocols import Teacher
from teachgym.settings import Few, Kept, Share, checked
from teachgym.types import FloatArray, Order, Plan, Prediction, Report


class PGKD(Teacher[Report, Plan]):
    """Divides a step between variations of hard negatives and the skills with the most errors.

    A rule in place of the language model of performance-guided knowledge distillation (Di Palo et
    al. 2024, arXiv 2411.05045, algorithm 1), which is shown the student's report by class, right
    and wrong answers, and its *hard negatives*: wrong answers to training items, those first that
    the student is the surest of. ``llm-pgkd`` asks one. Data are made for at most ten rounds, the
    best checkpoint is the result, and five rounds without a better one end it (``patience``).

    Differences:

    * A share ``focus`` of the step goes to the first ``shown`` hard negatives, evenly; the rest to
      skills in proportion to 1 - accuracy. 0 is the paper's ablation without hard negatives, 1
      the one without report.
    * Only engines that read seeds vary a hard negative itself; others, ``procedural`` among them,
      make exercises of its skill and level.
    * The student is sure of an answer by the probability of its text, which needs no classes.
    * The exam is on items of the task's training pool, drawn anew in each step; the report is of
      ``val``, whose accuracy decides in place of the loss when it is over.

    Args:
        classroom: the task without its held-out splits.
        exam: training items asked in each step.
        shown: hard negatives at most.
        focus: in [0, 1].
        engine: fills the orders; empty = the environment's default.
    """

    name = "pgkd"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        exam: Kept = 64,
        shown: Few = 16,
        focus: Share = 0.5,
        engine: str = "",
    ) -> None:
        self.classroom, self.exam, self.shown = classroom, exam, shown
        self.focus, self.engine = focus, engine
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw other items for another seed."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Report) -> Plan:
        """Orders for a whole step."""
        per_step = self.classroom.per_step
        hard = self._hard_negatives() if self.focus else ()
        (n_hard,) = apportion([self.focus * per_step], per_step, self._rng) if hard else (0,)
        counts = divide_evenly(int(n_hard), len(hard), self._rng).tolist()
        orders = [
            Order(e.skill, n, e.difficulty, seeds=(e.id,), engine=self.engine)
            for e, n in zip((p.example for p in hard), counts, strict=True)
            if n
        ]
        shares = self._shares(observation) * (per_step - n_hard)
        counts = apportion(shares, per_step - n_hard, self._rng).tolist()
        pairs = zip(self.classroom.skills, counts, strict=True)
        orders += [Order(s.name, n, engine=self.engine) for s, n in pairs if n]
        return Plan(tuple(orders))

    def _hard_negatives(self) -> tuple[Prediction, ...]:
        """Wrong answers to training items, the surest first; none if that cannot be paid."""
        try:
            found = wrong(examine(self.classroom, draw(self.classroom, self.exam, self._rng)))
            return surest(self.classroom, found)[: self.shown]
        except BudgetError:
            return ()

    def _shares(self, report: Report) -> FloatArray:
        """1 - accuracy of each skill over their sum, (n_skills,); equal if nothing is wrong."""
        scores = report.by_skill()
        overall = report.accuracy if report.overall.n else 0.0
        known = (scores.get(skill.name) for skill in self.classroom.skills)
        errors = np.array([1 - (score.mean if score and score.n else overall) for score in known])
        return errors / errors.sum() if errors.any() else np.full(len(errors), 1 / len(errors))


def surest(classroom: Classroom, answers: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
    """The answers by the probability that the student gives their whole texts, highest first.

    Raises:
        BudgetError: if that cannot be paid for.
    """
    asked = [answer.example.with_target(answer.response) for answer in answers]
    found = probes_of(classroom).logprobs(asked) if asked else []
    order = np.argsort([-tokens.sum() for tokens in found], kind="stable").tolist()
    return tuple(answers[place] for place in order)
