"""``ReflectionsEngine``: solutions in which a step goes wrong, is called wrong, and is mended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from teachgym.engines.around import AlteringEngine
from teachgym.engines.steps import spans_of, steps_of, with_result, wrong_result
from teachgym.settings import Share, checked
from teachgym.types import Example

NOTICE = "no, that is wrong:\n"
"""The reflection, a line between the wrong step and the right one."""


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class ReflectionsEngine(AlteringEngine):
    r"""Puts an error, a reflection and a correction into some worked solutions.

    STeP (arXiv 2505.20023) trains on a mixture of expert trajectories and of
    those in which a wrong step is followed by a reflection and the right step, up to success. The
    wrong step stays in the context and carries no loss (partial masking)::

        4+2=6
        6*5=31                  weight 0
        no, that is wrong:
        6*5=30
        #### 30

    Differences: a base agent errs there, and a language model judges each of its actions, and
    writes reflection and correction; here a step's result is off by 1 to 9, the reflection is
    always the same line, and the correction is the solution's own step. Exercises without steps
    stay as they are.
    """

    name = "reflections"
    needs_steps = True

    share: Share = 0.5
    """Share of the exercises that are altered, in [0, 1]; the others are the expert's."""
    masked: bool = True
    """False = the wrong step is learned like the others: what masking is worth."""

    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """The exercise with a step that goes wrong, at the chance of ``share``."""
        steps, answer = steps_of(example.target)
        if rng.random() >= self.share or not steps:
            return example
        place = int(rng.integers(len(steps)))
        result = wrong_result(steps[place], rng)
        if result is None:
            return example
        spans = spans_of(
            (
                ("".join(steps[:place]), 1.0),
                (with_result(steps[place], result), 0.0 if self.masked else 1.0),
                ("".join([NOTICE, *steps[place:], answer]), 1.0),
            )
        )
        told = example.with_target("".join(text for text, _ in spans))
        return replace(told, spans=spans)
