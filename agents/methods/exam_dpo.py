"""``exam-dpo``: prefers the engines whose examples help the student in its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.curricula.rule import softmax
from teachgym.agents.methods.exam import draw, examine
from teachgym.apportion import apportion
from teachgym.errors import BudgetError, ConfigError
from teachgym.settings import Few, Kept, Positive, checked
from teachgym.types import Data, Example, FloatArray, Plan, Transition

Draft = tuple[int, Example]
"""The place of an engine, and one of its examples."""


class ExamDPO:
    """Scores drafts by an exam with each in the prompt, and fits a policy over engines by DPO.

    The phases of ARTE (Liu et al. 2024, arXiv 2406.19227, sections 3.1 to 3.3) for a teacher that
    is a table of logits instead of a language model:

    1. Elicit: each engine makes the examples of one step.
    2. Prefer: the score of a draft d is the student's accuracy on a fixed preference set with d as
       the only demonstration before each question; drafts of the best quarter are paired with those
       of the worst, ``w`` with ``l``, where their scores differ.
    3. Align: one descent on DPO's loss for each pair (Rafailov et al. 2023, arXiv 2305.18290,
       equation 7), from a reference that takes all engines alike, so that its logits cancel::

           - log sigmoid(beta (theta_w - theta_l))

    4. Generate: steps are divided by softmax(theta).

    Differences: what is preferred is an engine, which stands for a style of both question and
    answer, and not a text; drafts are trained on as well; the preference set is drawn by chance,
    theirs by an item-response model. Of a student that cannot learn from what it is shown, scores
    tell nothing: small ones that were trained here alone cannot, and a simulated one answers any
    new prompt by a draw of its own.

    Args:
        classroom: the task without its held-out splits.
        engines: those to choose from, by the names that orders use.
        drafts: of each engine that are scored.
        exam: questions in the preference set.
        beta: > 0.
        rate: of the descent, > 0.
        separator: between a draft and the question.
    """

    name = "exam-dpo"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        engines: Sequence[str] = ("pool", "procedural"),
        drafts: Few = 16,
        exam: Kept = 40,
        beta: Positive = 0.1,
        rate: Positive = 20.0,
        separator: str = "\n\n",
    ) -> None:
        if not engines:
            raise ConfigError("engines is empty; give the name of at least one")
        self.classroom, self.engines, self.separator = classroom, tuple(engines), separator
        self.n_drafts, self.exam, self.beta, self.rate = drafts, exam, beta, rate
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the drafts and preferences."""
        self._rng = np.random.default_rng(seed)
        self._questions = draw(self.classroom, self.exam, self._rng)
        self._drafts: list[Draft] = []
        self._elicited = 0
        self.logits: FloatArray | None = None

    def act(self, observation: Any) -> Plan:
        """Order a step from the engine whose turn it is, or divide it by preference."""
        per_step = self.classroom.per_step
        if self._elicited < len(self.engines):
            return self.classroom.order_evenly(per_step, self._rng, self.engines[self._elicited])
        if self.logits is None:
            self.logits = self._align()
        counts = apportion(softmax(self.logits) * per_step, per_step, self._rng).tolist()
        plans = [
            self.classroom.order_evenly(count, self._rng, engine)
            for engine, count in zip(self.engines, counts, strict=True)
        ]
        return Plan(tuple(order for plan in plans for order in plan.orders))

    def observe(self, transition: Transition) -> None:
        """Keep some examples of the engine whose turn it was."""
        if self._elicited < len(self.engines):
            data: Data = transition.info["data"]
            places = self._rng.permutation(len(data))[: self.n_drafts].tolist()
            self._drafts += [(self._elicited, data[place]) for place in places]
            self._elicited += 1

    def score(self, draft: Example) -> float:
        """Accuracy on the preference set with the draft before each question, in [0, 1].

        Raises:
            BudgetError: if that cannot be paid for.
        """
        shown = f"{draft.question.transcript}{draft.target}{self.separator}"
        found = examine(self.classroom, self._questions, shown=shown)
        return float(np.nanmean([answer.score for answer in found]))

    def _align(self) -> FloatArray:
        """The logits after one descent for each pair."""
        logits = np.zeros(len(self.engines))
        try:
            scored = [(self.score(draft), engine) for engine, draft in self._drafts]
        except BudgetError:
            return logits
        # By chance among equals, which would stand by the order of the engines.
        shuffled = [scored[place] for place in self._rng.permutation(len(scored))]
        for better, worse in pairs_of(shuffled):
            gap = self.beta * (logits[better] - logits[worse])
            push = self.rate * self.beta / (1 + np.exp(gap))
            logits[better] += push
            logits[worse] -= push
        return logits


def pairs_of(scored: Sequence[tuple[float, int]]) -> list[tuple[int, int]]:
    """Pairs of engines with drafts in the best and the worst quarter; equal scores make no pair.

    Which of equals at the border belong to a quarter, and who is paired with whom, their order
    decides.

    Example:
        >>> pairs_of([(0.9, 0), (0.5, 1), (0.1, 1), (0.4, 0)])
        [(0, 1)]
    """
    ranked = sorted(scored, key=lambda pair: -pair[0])
    quarter = max(len(ranked) // 4, 1)
    ends = zip(ranked[:quarter], ranked[::-1][:quarter], strict=False)
    return [(one, other) for (best, one), (worst, other) in ends if best > worst]
