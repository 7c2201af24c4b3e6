"""``BackwardEngine``: adds to each exercise of another engine the question that leads back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.orders import fill
from teachgym.gate.kinds import REVERSED
from teachgym.streams import Streams
from teachgym.types import Data, Example, Plan


class BackwardEngine(AroundEngine):
    """Fills half of each order by another engine, and adds the backward question of each exercise.

    The answer is given and the exercise asked for, as auxiliary text of the kind ``reversed``. Of
    odd counts the last exercise has no backward question or is left out itself, by equal chance.
    No grader is needed: what is asked backward is as right as what was made forward.
    """

    name = "backward"

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` per order: exercises, each with its backward question."""
        data: Data = ()
        streams = Streams(rng)
        for order in plan.orders:
            forward = replace(order, count=(order.count + 1) // 2)
            own = streams.of(order.engine, order.skill, order.difficulty, order.subskill)
            made = fill(self.other, Plan((forward,)), own)
            backward = tuple(turned(example) for example in made if is_in_text(example))
            if len(made) + len(backward) > order.count:
                surplus_backward = own.random() < 0.5
                made, backward = (
                    (made[:-1], backward) if surplus_backward else (made, backward[:-1])
                )
            data += made + backward
        return data


def turned(example: Example) -> Example:
    r"""The question for an exercise, given its answer.

    Example:
        >>> turned(Example("1+1=", "2", "add")).prompt
        'Write an exercise of the skill add whose answer is: 2\n'
    """
    return Example(
        f"Write an exercise of the skill {example.skill} whose answer is: {example.target}\n",
        example.prompt,
        example.skill,
        source="teacher",
        difficulty=example.difficulty,
        kind=REVERSED,
        meta={"answer": example.target},
        provenance=example.provenance,
    )
