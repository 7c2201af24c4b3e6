"""``say-self``: right answers with the share of the student's own answers that were right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import draw, probes_of
from teachgym.errors import BudgetError, ConfigError
from teachgym.protocols import Teacher
from teachgym.settings import Count, Few, Positive, checked
from teachgym.streams import draw_seed
from teachgym.tasks.stated_confidence import MARK, require_mark, split_off, state
from teachgym.types import Data, Example, Provenance, Report


class SaySelf(Teacher[Report, Data]):
    """Teaches the student to say how often it would be right.

    The first stage of SaySelf (Xu et al. 2024, arXiv 2405.20974): the student answers each question
    several times, and is fine-tuned on the answer with a confidence that says how far its answers
    agree. The second stage, reinforcement by the calibration of what is said, is
    GRPO on the task ``stated-confidence`` with ``measure="calibration"``.

    The student is asked before it is taught anything, since it answers worse while it learns to end
    its answers in a new way.

    Differences: the share is that of the right answers, where the paper has that of the largest
    group of equal ones; the answer is the task's own; the model's disagreements are not summed up
    in words.

    Args:
        classroom: the task without its held-out splits; its training pool is examined.
        questions: asked in the first step and taught in turn; 0 = as many as ten steps hold.
        samples: answers to each question, >= 1.
        temperature: they are drawn at.
        certain: True = every answer is said with certainty, and the student is asked nothing.
        mark: what stands between answer and number, as in the task's settings.

    Raises:
        ConfigError: for an empty mark, or a task whose targets state no confidence.
    """

    name = "say-self"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        questions: Count = 0,
        samples: Few = 10,
        temperature: Positive = 1.0,
        certain: bool = False,
        mark: str = MARK,
    ) -> None:
        pool, mark = classroom.syllabus.train, require_mark(mark)
        if any(split_off(item.target, mark)[1] is None for item in pool[:1]):
            raise ConfigError(
                f"say-self finds no confidence in the target {pool[0].target!r}; set "
                "task='stated-confidence', and the same mark"
            )
        self.classroom, self.certain, self.mark = classroom, certain, mark
        self.questions = questions or 10 * classroom.per_step
        self.samples, self.temperature = samples, temperature
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Draw other questions for another seed."""
        self._rng = np.random.default_rng(seed)
        self._lessons: Data = ()
        self._next = 0

    def act(self, observation: Report) -> Data:
        """Return the next step of exercises with what the student should say."""
        self._lessons = self._lessons or self._prepare()
        places = range(self._next, self._next + self.classroom.per_step)
        self._next = places.stop
        return tuple(self._lessons[place % len(self._lessons)] for place in places)

    def _prepare(self) -> Data:
        """All that is taught; certain where the answers cannot be paid for."""
        items = draw(self.classroom, self.questions, self._rng)
        try:
            shares = [1.0] * len(items) if self.certain else self._shares(items)
        except BudgetError:
            shares = [1.0] * len(items)
        return tuple(map(self._handed_in, items, shares))

    def _shares(self, items: Data) -> list[float]:
        """The student's shares of right answers; ``BudgetError`` if they cannot be paid for."""
        seed = draw_seed(self._rng)
        probes = probes_of(self.classroom)
        said = probes.sample(items, k=self.samples, temperature=self.temperature, seed=seed)
        return list(map(self._share, items, said))

    def _share(self, item: Example, answers: list[str]) -> float:
        """The share of answers that are right, whatever was said of them."""
        # Said with certainty, the calibration of an answer is its score.
        certain = [state(split_off(text, self.mark)[0], 1.0, self.mark) for text in answers]
        scores = [self.classroom.syllabus.grade(item, text) for text in certain]
        return float(np.nan_to_num(scores).mean())

    def _handed_in(self, item: Example, sure: float) -> Example:
        """The exercise with its right answer, said with this confidence."""
        answer, _ = split_off(item.target, self.mark)
        made = Provenance(seeds=(item.id,), teacher=self.name)
        stated = item.with_target(state(answer, sure, self.mark))
        return replace(stated, source="teacher", provenance=made)
