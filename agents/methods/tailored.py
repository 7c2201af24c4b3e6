"""``tailored``: the exercises that the student fails, each with its wrong answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import draw, grade, probes_of, wrong
from teachgym.errors import BudgetError
from teachgym.protocols import Teacher
from teachgym.settings import Count, Few, Positive, checked
from teachgym.streams import draw_seed
from teachgym.types import Data, Example, Provenance, Report


class Tailored(Teacher[Report, Data]):
    """Gives an exam with several answers to each question, and contrasts right with wrong ones.

    A round of tailored learning (Wang et al. 2023, arXiv 2310.13332, sections 3.1 and 3.2): the
    student samples four answers to every training question, each question that it errs in gets a
    right rationale, and the student is trained on, from the last round's weights, on those and
    on its mistakes, which a loss pushes away (``trainer_settings={"loss": "contrast"}``).

    Differences:

    * A chat model is not shown the mistake to explain it: what is right is the task's own target,
      with the steps that it has. The triplet of ``contrast`` also needs a second right answer,
      which is the student's own where one of its samples is right in other words.
    * An exam is of ``exam`` questions drawn anew, not of all; where fewer than a step holds are
      failed, those that are not fill it.

    Args:
        classroom: the task without its held-out splits; its training pool is examined.
        exam: questions asked in each step; 0 = twice as many as a step holds.
        samples: answers to each.
        temperature: they are drawn at.
        targeted: False = as many questions of the exam by chance, failed or not.
        rejected: whether examples carry the student's wrong answer.
    """

    name = "tailored"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        exam: Count = 0,
        samples: Few = 4,
        temperature: Positive = 1.0,
        targeted: bool = True,
        rejected: bool = True,
    ) -> None:
        self.classroom, self.targeted, self.rejected = classroom, targeted, rejected
        self.exam = exam or 2 * classroom.per_step
        self.samples, self.temperature = samples, temperature
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw other questions for another seed."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Report) -> Data:
        """Return a step of exercises, failed ones first."""
        items = draw(self.classroom, self.exam, self._rng)
        try:
            examined = self._examine(items)
        except BudgetError:  # What cannot be paid is taught as it is.
            examined = [_handed_in(item) for item in items]
        if self.targeted:
            examined.sort(key=lambda example: example.rejected is None)
        chosen = examined[: self.classroom.per_step]
        return tuple(e if self.rejected else replace(e, rejected=None) for e in chosen)

    def _examine(self, items: Data) -> list[Example]:
        """The items with the student's answers: the first wrong one, and a right one if it differs.

        Raises:
            BudgetError: if the answers cannot be paid for.
        """
        seed = draw_seed(self._rng)
        probes = probes_of(self.classroom)
        found = probes.sample(items, k=self.samples, temperature=self.temperature, seed=seed)
        examined = []
        for item, texts in zip(items, found, strict=True):
            answers = grade(self.classroom, [item] * len(texts), texts)
            bad = next((p.response for p in wrong(answers) if p.response.strip()), None)
            good = next((p.response for p in answers if p.score == 1), item.target)
            both = ((item.target, 0.5), (good, 0.5)) if bad and good != item.target else ()
            examined.append(replace(_handed_in(item), rejected=bad, soft_labels=both))
        return examined


def _handed_in(item: Example) -> Example:
    """An exercise of the task, as a teacher hands it in."""
    return replace(
        item, source="teacher", provenance=Provenance(seeds=(item.id,), teacher=Tailored.name)
    )
