"""``InverseEngine``: beside worked exercises, the question that leads back, and its solution."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np

from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.orders import fill
from teachgym.engines.steps import steps_of, with_result
from teachgym.streams import Streams
from teachgym.types import Data, Example, Plan

INVERSE = "inverse"
"""The kind of both texts that are added to an exercise."""

SEARCHED = range(1, 201)
"""Numbers that must not give the answer unless they are the hidden one."""

Verify = Callable[[Example], float]
"""``Task.verify``."""

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
    stay alone where this is not consistent: that number stands elsewhere in the question, it or a
    result is used again, a step does not go on from the one before, or a division leaves a rest.
    They also stay alone unless the task confirms the number (``Task.verify``): it gives the answer,
    and no other of ``SEARCHED`` does. So a number that the solution calculates is not taken for one
    that the story tells. Exercises of tasks that cannot solve a question all stay alone. Orders of
    one example have room for the exercise alone.

    Differences: rules in place of a teacher model write B and its reasoning, and the task's own
    solver in place of a model judges B; ``Ask backward:`` stands before Q where B is asked for.
    """

    name = "inverse"
    needs_steps = True

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` per order; the last exercise may lack what follows it."""
        streams, data = Streams(rng), list[Example]()
        for order in plan.orders:
            own = streams.of(order.engine, order.skill, order.difficulty, order.subskill)
            made = fill(self.other, Plan((order,)), own)
            texts = (text for e in made for text in with_inverse(e, self.task.verify))
            data += islice(texts, order.count)
        return tuple(data)


def with_inverse(example: Example, verify: Verify) -> Sequence[Example]:
    """The exercise, followed by its backward question and the reasoning to it, if there is one."""
    found = inverted(example, verify) if is_in_text(example) else None
    if found is None:
        return (example,)
    question, solution = found
    meta = {**example.meta, "joint": example.identity}
    text = replace(example.with_target(solution), prompt=question, kind=INVERSE, meta=meta)
    asked = replace(text, prompt=f"Ask backward: {example.prompt}", target=question)
    return replace(example, meta=meta), asked, text


def inverted(example: Example, verify: Verify) -> tuple[str, str] | None:
    r"""The backward question to a worked exercise, and its solution; None where there is none.

    Args:
        example: the exercise with its worked solution.
        verify: solves the exercise with another number in it, and compares the answer.

    Example:
        >>> told = Example("Sam has 4 cups, and gets 5. How many?\n", "4+5=9\n#### 9", "get")
        >>> inverted(told, lambda other: float(other.prompt == told.prompt))
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
    unknown, undone, passed = hidden, list[str](), set[str]()
    for step in steps:
        passed.add(unknown)
        line = _undo(step, unknown, passed) if step else None
        if step is None or line is None:
            return None
        undone.append(line)
        unknown = step[4]
    asked = replace(example, target=answer)

    def fits(number: int) -> bool:
        return verify(replace(asked, prompt=whole.sub(str(number), example.prompt))) == 1

    right = int(hidden)
    if unknown != last[1] or not fits(right) or any(fits(n) for n in SEARCHED if n != right):
        return None
    question = f"{whole.sub('x', example.prompt).strip()} {unknown}. What is x?\n"
    return question, "".join(reversed(undone)) + with_result(answer, right)


def _undo(step: re.Match[str], unknown: str, passed: Collection[str]) -> str | None:
    """The step solved for the operand that is not known; None without one, or a whole number.

    None as well if the other operand is one of those that were passed, and so not known either.
    """
    a, sign, b, c = step.groups()
    if unknown not in (a, b) or (b if unknown == a else a) in passed:
        return None
    form = (_UNDONE_FIRST if a == unknown else _UNDONE_SECOND)[sign].format(a=a, b=b, c=c)
    left, undone, right = re.split(r"([-+*/])", form)
    if undone == "/" and int(right) == 0:
        return None
    is_right = _VALUE[undone](int(left), int(right)) == int(unknown)
    return f"{form}={unknown}\n" if is_right else None
