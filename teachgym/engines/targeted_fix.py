"""``TargetedFixEngine``: the seed's solution, with weight on the step that went wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from teachgym.engines.seeded import SeededEngine
from teachgym.engines.steps import spans_of
from teachgym.protocols import Task
from teachgym.settings import Positive, checked
from teachgym.types import Example, Order


class TargetedFixEngine(SeededEngine):
    """Answers a seed with weight on the step where the student went wrong.

    What the teacher of Learn-to-Reason (Wang et al. 2023, arXiv 2310.13332, section 3.2) does when
    it is shown a student's wrong rationale, as far as a task with written steps can do it by rule.
    The order's hint is the wrong answer. The target is the seed's own; the first of its lines that
    the wrong answer does not have has the loss weight ``weight``, and the wrong answer is the
    rejected response, the negative of that paper's contrast. Differences: no rationale is written
    anew, so a mistake is shown by what is weighed and not explained; answers of one line are
    weighed whole, which a mean over weights undoes. Without a hint, the seed is handed in as it
    is. Only with ``duplicates="allow"`` does the gate let a seed in again.

    Args:
        task: its ``train`` holds the seeds.
        weight: of the step that went wrong, > 0; the others have 1.
    """

    name = "targeted-fix"

    @checked
    def __init__(self, task: Task, *, weight: Positive = 2.0) -> None:
        super().__init__(task)
        self._weight = weight

    def vary(
        self, seed: Example, order: Order, known: list[Example], rng: np.random.Generator
    ) -> Example | None:
        """The seed with weights; None if the hint equals its target and is no mistake."""
        wrong = order.hint.strip()
        if not wrong:
            return seed
        if wrong == seed.target.strip():
            return None
        spans = weighed(seed.target, wrong, self._weight)
        return replace(seed, spans=spans, rejected=wrong)


def weighed(target: str, wrong: str, weight: float) -> tuple[tuple[str, float], ...]:
    r"""The target in loss spans, its first line that differs from the wrong answer's with a weight.

    Example:
        >>> weighed("3+4=7\n7*2=14\n#### 14", "3+4=7\n7*2=15\n#### 15", 2.0)
        (('3+4=7\n', 1.0), ('7*2=14\n', 2.0), ('#### 14', 1.0))
    """
    lines, others = target.splitlines(keepends=True), wrong.splitlines()
    place = 0
    while place < len(others) and place < len(lines) - 1:
        if lines[place].rstrip("\n") != others[place]:
            break
        place += 1
    parts = ("".join(lines[:place]), lines[place], "".join(lines[place + 1 :]))
    return spans_of(zip(parts, (1.0, weight, 1.0), strict=True))
