"""Rehearsal: a student is trained on what it knows already, along with what is new to it."""

from __future__ import annotations

import numpy as np

from teachgym.envs.episode import Episode
from teachgym.errors import ConfigError
from teachgym.streams import draw_entropy, order_of
from teachgym.types import Data

ASKED = 1_000
"""The most examples of a task's pool that the untrained student is asked."""


def known_examples(env: Episode) -> Data:
    """The examples of the task's pool, of ``ASKED`` drawn from it, that the untrained student knew.

    The student is left as it is. Which are drawn depends on the pool alone.

    Raises:
        ConfigError: for a task without a pool, or a student that answers none of it right.
    """
    task, student = env.task, env.student
    pool = task.examples("train")
    if not pool:
        raise ConfigError(
            f"rehearsal takes examples of the task's pool, and {task.name!r} has none; leave "
            "rehearsal out"
        )
    asked = [pool[i] for i in order_of([e.identity for e in pool], 0)[:ASKED]]
    env.say("asking the untrained student what it knows")
    now = student.save()
    student.restore(env.untrained)
    answers = env.evaluator.predict(student, task, asked)
    student.restore(now)
    known = tuple(e for e, answer in zip(asked, answers, strict=True) if answer.score == 1)
    if not known:
        raise ConfigError(
            f"rehearsal takes what the untrained student knows, and it answers none of {len(asked)}"
            " examples of the task's pool right; leave rehearsal out"
        )
    return known


def rehearsed(known: Data, count: int, rng: np.random.Generator) -> Data:
    """Draw ``count`` examples: all of them as often as it goes, and the rest by chance.

    Those that are drawn for a smaller count are the first of a larger one.
    """
    order = order_of([e.identity for e in known], draw_entropy(rng))
    return tuple(known[order[i % len(order)]] for i in range(count))
