"""``OtherAnswersEngine``: the questions of seeds, solved in another order."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

import numpy as np

from teachgym.engines.seeded import SeededEngine
from teachgym.engines.steps import steps_of
from teachgym.types import Example, Order

_SUM = re.compile(r"(\d+)([-+])(\d+)=(\d+)\n")
_TRIES = 8
"""Orders drawn for one that is new."""


class OtherAnswersEngine(SeededEngine):
    r"""Answers the questions of seeds anew: the first engine of the cost comparison, by rule.

    Answer augmentation (Chan et al. 2024, arXiv 2409.19759) asks a teacher model for another
    solution of a seed's question. Here additions and subtractions that follow from each other come
    in another order, in which no result is below 0::

        10-8=2                  10+5=15
        2+5=7         or        15-8=7
        #### 7                  #### 7

    Difference: there are as many solutions as orders, and none in other words. A seed without such
    steps, or whose orders are all known, yields nothing. Only with ``duplicates="allow"`` does the
    gate let a question in again.

    Raises:
        ConfigError: for a task without worked solutions or training examples.
    """

    name = "other-answers"
    needs_steps = True

    def vary(
        self, seed: Example, order: Order, known: list[Example], rng: np.random.Generator
    ) -> Example | None:
        """The seed with another solution; None if no new one is found."""
        told = {other.target for other in known if other.prompt == seed.prompt}
        steps, answer = steps_of(seed.target)
        for _ in range(_TRIES):
            target = "".join([*reordered(steps, rng), answer])
            if target not in told:
                return seed.with_target(target)
        return None


def reordered(steps: list[str], rng: np.random.Generator) -> list[str]:
    r"""The steps, each run of additions and subtractions in an order drawn by chance.

    Example:
        >>> reordered(["9-4=5\n", "5-2=3\n", "3*2=6\n"], np.random.default_rng(0))
        ['9-2=7\n', '7-4=3\n', '3*2=6\n']
    """
    found, run = list[str](), list[re.Match[str]]()
    for step in [*steps, ""]:
        sums = _SUM.fullmatch(step)
        if run and (sums is None or sums[1] != run[-1][4]):
            found += _shuffled(run, rng)
            run = []
        if sums is not None:
            run.append(sums)
        else:
            found.append(step)
    return found[:-1]


def _shuffled(run: list[re.Match[str]], rng: np.random.Generator) -> list[str]:
    """The steps that add the same terms, beginning with a positive one, never below 0."""
    terms = [int(run[0][1]), *(int(step[2] + step[3]) for step in run)]
    drawn = [terms[place] for place in rng.permutation(len(terms))]
    drawn.insert(0, drawn.pop(next(i for i, term in enumerate(drawn) if term >= 0)))
    results = list(accumulate(drawn))
    if min(results) < 0:
        return [step[0] for step in run]
    pairs = zip(pairwise(results), drawn[1:], strict=True)
    return [f"{before}{term:+d}={after}\n" for (before, after), term in pairs]
