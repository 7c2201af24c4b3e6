"""``ErringStepsEngine``: solutions of which known shares of answers and of steps are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.engines.around import AlteringEngine
from teachgym.engines.steps import steps_of, with_result, wrong_result
from teachgym.settings import Share, checked
from teachgym.types import Example


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class ErringStepsEngine(AlteringEngine):
    """Supervises with a rate of wrong answers, and a rate of wrong steps in their solutions.

    The two error rates of Guiding Through Complexity (arXiv 2410.20533), which
    finds that at equal rates of wrong answers the rate of wrong steps decides. Of a wrong solution
    with n steps, the last one and ``steps`` * n in all, at least one, have results that are off by
    1 to 9; the answer is that of the last step. Other steps go on from the right results.

    Differences: there language models of several strengths err, and wrong steps are counted by
    another one; here rates are set, and a wrong step does not mislead those after it. Exercises
    without steps stay right.
    """

    name = "erring-steps"
    needs_steps = True

    wrong: Share = 0.5
    """Share of the exercises whose answer is wrong, in [0, 1]."""
    steps: Share = 0.0
    """Share of the steps of such an exercise that are wrong, in [0, 1]."""

    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """The exercise, with a wrong solution at the chance of ``wrong``."""
        if rng.random() >= self.wrong:
            return example
        target = botched(example.target, self.steps, rng)
        return example if target == example.target else example.with_target(target)


def botched(target: str, share: float, rng: np.random.Generator) -> str:
    """The solution with its last step and a share of all steps wrong; as it is without steps."""
    steps, answer = steps_of(target)
    if not steps:
        return target
    others = max(1, round(share * len(steps))) - 1
    places = [*rng.permutation(len(steps) - 1)[:others].tolist(), len(steps) - 1]
    results = [wrong_result(steps[place], rng) for place in places]
    for place, result in zip(places, results, strict=True):
        if result is None:
            return target
        steps[place] = with_result(steps[place], result)
        answer = with_result(answer, result)  # The last step's comes last.
    return "".join([*steps, answer])
