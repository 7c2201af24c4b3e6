"""``undone_on_error``: makes steps of the base environment atomic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from teachgym.envs.episode import Episode


@contextmanager
def undone_on_error(env: Episode) -> Iterator[None]:
    """On any error within, restore the environment including its weights."""
    state = env.state
    at_hand = state.best.step == state.step  # These weights were saved a moment ago.
    weights = state.best.checkpoint if at_hand else env.student.save()
    with env.ledger.undone_on_error():
        try:
            yield
        except BaseException:
            env.take_up(state)
            env.student.restore(weights)
            raise
