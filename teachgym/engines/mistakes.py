"""Wrong targets in the right form: the answers to other exercises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teachgym.types import Example


def mistaken(
    example: Example, offers: Sequence[str], first: int, is_wrong: Callable[[str], bool]
) -> str:
    """The first of ``offers`` that is a wrong answer to the example, counted from ``first`` on.

    Where none is, the example's own target reversed, or else doubled.

    Args:
        example: with a right target.
        offers: targets of other examples.
        first: a place in them.
        is_wrong: whether an answer is wrong.
    """
    candidates = (*offers[first:], *offers[:first], example.target[::-1])
    return next((target for target in candidates if is_wrong(target)), example.target * 2)
