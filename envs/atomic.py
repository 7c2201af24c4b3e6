"""``undone_on_error``: a step of the base environment happens, or it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from teachgym.envs.episode import Episode


@contextmanager
def undone_on_error(env: Episode) -> Iterator[None]:
    """Whatever is raised within leaves the environment as it was, weights included."""
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
