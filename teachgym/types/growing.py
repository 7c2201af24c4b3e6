"""``Growing``: an immutable sequence whose longer versions share their common part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, overload

T = TypeVar("T", covariant=True)


class Growing(Sequence[T]):
    """An immutable sequence that can be extended without being copied.

    ``longer`` takes time and memory for what is added alone, whatever the length, so a state that
    holds all that has happened can be replaced at every step. Only where two sequences go on
    from the same one, as after a fork, does the second copy what they share.

    Example:
        >>> one = Growing([1])
        >>> two = one.longer([2])
        >>> one, two, two == (1, 2)
        (Growing of 1, Growing of 2, True)
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def longer(self: Growing[Any], more: Iterable[Any]) -> Growing[Any]:
        """This sequence with ``more`` at its end."""
        made: Growing[Any] = Growing.__new__(Growing)
        shared = len(self._items) == self._length
        made._items = self._items if shared else self._items[: self._length]
        made._items.extend(more)
        made._length = len(made._items)
        return made

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        places = range(self._length)[index]
        if isinstance(places, range):
            return tuple(self._items[place] for place in places)
        return self._items[places]

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Growing | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Growing, (list(self),)  # A copy takes along nothing that was added to others.

    def __repr__(self) -> str:
        return f"Growing of {self._length}"
