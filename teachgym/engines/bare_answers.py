"""``BareAnswersEngine``: another engine's exercises without the steps of their solutions."""

from __future__ import annotations

import numpy as np

from teachgym.engines.around import AlteringEngine
from teachgym.engines.steps import steps_of
from teachgym.types import Example


class BareAnswersEngine(AlteringEngine):
    """Leaves only the last line of each solution, which is the answer.

    Distillation from frontier open models (arXiv 2410.18588) compares what a
    teacher gives: labels of existing questions, synthetic questions with answers, or with
    reasoning. Here the first is this engine around ``pool``, the second this engine around one
    that makes exercises, and the third that one alone. Difference: nothing is generated, so the
    reasoning is the task's own.
    """

    name = "bare-answers"
    needs_steps = True

    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """The exercise with the last line of its target."""
        steps, answer = steps_of(example.target)
        return example.with_target(answer) if steps else example
