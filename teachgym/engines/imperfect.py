"""``ImperfectEngine``: imitates a teacher that errs and knows its error probability."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from teachgym.chat.settings import Chat
from teachgym.engines.around import AroundEngine, Other
from teachgym.engines.mistakes import Mistakes
from teachgym.gate.filters.llkd_like import CONFIDENCE
from teachgym.protocols import Meter, Task
from teachgym.settings import Like, Positive, ShareBetween, checked
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Cost, Data, Example, Plan


class ImperfectEngine(AroundEngine):
    r"""Answers the exercises of another engine as a writer with known errors would.

    Each exercise has a chance q of its own to be answered wrongly, so that the writer is
    calibrated: of the exercises of which it is sure by 1 - q, the share 1 - q is right::

        q ~ Beta(concentration * wrong, concentration * (1 - wrong))

    The wrong target is that of another exercise of its skill and level in the batch that the task
    does not call right (else its own reversed, or doubled). Confidence stands in
    ``meta["confidence"]``. Every exercise is charged as a call of the teacher, and none is
    written when the budget has none left. Auxiliary text is passed on as it is.

    Args:
        task: grades candidates for wrong targets.
        meter: pays for the calls of both; None = nobody.
        chat: the chat model of the other engine, if it uses one.
        wrong: the share of wrong targets, in (0, 1).
        concentration: > 0; near 0 confidence is 0 or 1 and gives every error away, and from about
            100 on it is 1 - ``wrong`` for all and says nothing.
        other: fields of ``Other``.
    """

    name = "imperfect"

    @checked
    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        chat: Chat | None = None,
        wrong: ShareBetween = 0.3,
        concentration: Positive = 1.0,
        **other: Annotated[Any, Like(Other)],
    ) -> None:
        super().__init__(task, meter, chat=chat, **other)
        self._beta = concentration * wrong, concentration * (1 - wrong)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, and no more than can be paid for.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
        """
        streams = Streams(rng)
        made = self._engine.generate(plan, streams.of("exercises"))
        mistakes = Mistakes(self.task, made)
        data: list[Example] = []
        for example in made:
            if self._meter is not None:
                if self._meter.exhausted():
                    break
                self._meter.record(Cost(teacher_calls=1))
            if example.kind == EXERCISE:
                own = streams.of("answer", example.identity)
                example = self._answered(example, mistakes, own)
            data.append(example)
        return tuple(data)

    def _answered(self, example: Example, mistakes: Mistakes, rng: np.random.Generator) -> Example:
        """The exercise with the writer's target, right or wrong, and its confidence."""
        chance, draw, lot = float(rng.beta(*self._beta)), float(rng.random()), float(rng.random())
        if draw < chance:
            example = example.with_target(mistakes.instead(example, lot))
        return replace(example, meta={**example.meta, CONFIDENCE: 1 - chance})
