"""``InverseEngine``: beside worked exercises, the question that leads back, and its solution."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np

from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.steps import steps_of, with_result
from teachgym.streams import Streams
from teachgym.types import Data, Example, Plan

INVERSE = "inverse"
"""The kind of both texts that are added to an exercise."""

_STEP = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)\n")
_UNDONE_FIRST = {"+": "{c}-{b}", "-": "{c}+{b}", "*": "{c}/{b}", "/": "{c}*{b}"}
_UNDONE_SECOND = {"+": "{c}-{a}", "-": "{a}-{c}", "*": "{c}/{a}", "/": "{a}/{c}"}
_VALUE: Mapping[str, Callable[[int, int], int | Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": Fraction,
}


class InverseEngine(AroundEngine):
    r"""Adds to each worked exercise a backward question and its reasoning.

    The data of RevThink (Chen et al. 2024, arXiv 2411.19865): of a question Q with its reasoning, a
    backward question B and its reasoning, each tuple checked for consistency. Three examples with
    the same ``meta["joint"]`` come of it, which the loss ``joint`` trains on as one::

        Q -> forward reasoning        Sam has 4 cups. ... How many cups does Sam have?
        Q -> B                        Sam has x cups. ... How many cups does Sam have? 9. What is x?
        B -> backward reasoning       9-5=4 and the line with the answer

    A chain of sums is undone from its end; the number that it starts with is asked for. Exercises
    stay alone where this is not consistent: that number stands elsewhere in the question, is used
    again, a step does not go on from the one before, or a division leaves a rest. Orders of one
    example have room for the exercise alone.

    Differences: rules in place of a teacher model write B and its reasoning, and what they write is
    right or is not written, so that nothing is left to be judged; ``Ask backward:`` stands before Q
    where B is asked for.
    """

    name = "inverse"
    needs_steps = True

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` per order; the last exercise may lack what follows it."""
        streams, data = Streams(rng), list[Example]()
        for order in plan.orders:
            own = streams.of(order.engine, order.skill, order.difficulty, order.subskill)
            made = self.other.generate(Plan((order,)), own)
            data += islice((text for e in made for text in with_inverse(e)), order.count)
        return tuple(data)


def with_inverse(example: Example) -> Sequence[Example]:
    """The exercise, followed by its backward question and the reasoning to it, if there is one."""
    found = inverted(example) if is_in_text(example) else None
    if found is None:
        return (example,)
    question, solution = found
    meta = {**example.meta, "joint": example.identity}
    text = replace(example.with_target(solution), prompt=question, kind=INVERSE, meta=meta)
    asked = replace(text, prompt=f"Ask backward: {example.prompt}", target=question)
    return replace(example, meta=meta), asked, text


def inverted(example: Example) -> tuple[str, str] | None:
    r"""The backward question to a worked exercise, and its solution; None where there is none.

    Example:
        >>> told = Example("Sam has 4 cups, and gets 5. How many?\n", "4+5=9\n#### 9", "get")
        >>> inverted(told)
        ('Sam has x cups, and gets 5. How many? 9. What is x?\n', '9-5=4\n#### 4')
    """
    lines, answer = steps_of(example.target)
    steps = [_STEP.fullmatch(line) for line in lines]
    if not steps or steps[0] is None:
        return None
    hidden, last = steps[0][1], re.search(r"(\d+)\D*$", answer)
    whole = re.compile(rf"\b{hidden}\b")
    if last is None or len(whole.findall(example.prompt)) != 1:
        return None
    unknown, undone = hidden, list[str]()
    for step in steps:
        line = _undo(step, unknown) if step else None
        if step is None or line is None or (undone and hidden in (step[1], step[3])):
            return None
        undone.append(line)
        unknown = step[4]
    if unknown != last[1]:
        return None
    question = f"{whole.sub('x', example.prompt).strip()} {unknown}. What is x?\n"
    return question, "".join(reversed(undone)) + with_result(answer, int(hidden))


def _undo(step: re.Match[str], unknown: str) -> str | None:
    """The step solved for the operand that is not known; None without one, or a whole number."""
    a, sign, b, c = step.groups()
    if unknown not in (a, b):
        return None
    form = (_UNDONE_FIRST if a == unknown else _UNDONE_SECOND)[sign].format(a=a, b=b, c=c)
    left, undone, right = re.split(r"([-+*/])", form)
    if undone == "/" and int(right) == 0:
        return None
    is_right = _VALUE[undone](int(left), int(right)) == int(unknown)
    return f"{form}={unknown}\n" if is_right else None
