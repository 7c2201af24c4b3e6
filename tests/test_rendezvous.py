"""Meetings: joint answers in row order, one thing at a time, and errors that deadlock nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from teachgym.rendezvous import Rendezvous, RowError

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


class Doubling:
    """A handler that doubles, and remembers which rows it answered together, on which thread."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], list[int]]] = []
        self.threads: set[int] = set()

    def __call__(self, rows: Sequence[int], numbers: Sequence[int]) -> list[int]:
        self.asked.append((list(rows), list(numbers)))
        self.threads.add(threading.get_ident())
        return [2 * n for n in numbers]


def asking(rendezvous: Rendezvous, row: int, numbers: Sequence[int]) -> list[int]:
    return [rendezvous.ask("double", row, n) for n in numbers]


def test_waiting_rows_are_answered_together_in_row_order() -> None:
    """Rows ask 2, 0, 1 and 3 times: rounds of 3, 2 and 1 rows, then nobody is left."""
    double = Doubling()
    rendezvous = Rendezvous({"double": double})
    numbers = [(1, 2), (), (3,), (4, 5, 6)]
    results = rendezvous.run([partial(asking, rendezvous, row, n) for row, n in enumerate(numbers)])
    assert results == [[2, 4], [], [6], [8, 10, 12]]
    assert double.asked == [([0, 2, 3], [1, 3, 4]), ([0, 3], [2, 5]), ([3], [6])]


def test_handlers_run_on_the_thread_that_called() -> None:
    double = Doubling()
    rendezvous = Rendezvous({"double": double})
    rendezvous.run([partial(asking, rendezvous, row, (1,)) for row in range(3)])
    assert double.threads == {threading.get_ident()}


def test_different_requests_are_answered_kind_by_kind() -> None:
    log: list[str] = []

    def handler(name: str) -> Callable[[Sequence[int], Sequence[Any]], Sequence[Any]]:
        def answer(rows: Sequence[int], payloads: Sequence[Any]) -> Sequence[Any]:
            log.append(f"{name}{list(rows)}")
            return [f"{name}-{payload}" for payload in payloads]

        return answer

    rendezvous = Rendezvous({"train": handler("train"), "generate": handler("generate")})
    kinds = ["generate", "train", "generate"]
    results = rendezvous.run(
        [partial(rendezvous.ask, kind, row, row) for row, kind in enumerate(kinds)]
    )
    assert results == ["generate-0", "train-1", "generate-2"]
    assert log == ["generate[0, 2]", "train[1]"]


def test_only_one_row_runs_at_a_time() -> None:
    """Each row notes where it is: the notes come in row order between any two rounds."""
    notes: list[tuple[int, int]] = []
    rendezvous = Rendezvous({"double": Doubling()})

    def row_life(row: int) -> None:
        for turn in range(50):
            notes.append((turn, row))
            rendezvous.ask("double", row, turn)

    rendezvous.run([partial(row_life, row) for row in range(4)])
    assert notes == [(turn, row) for turn in range(50) for row in range(4)]


def test_a_row_that_raises_is_named_and_the_others_finish() -> None:
    rendezvous = Rendezvous({"double": Doubling()})
    finished: list[int] = []

    def life(row: int) -> None:
        rendezvous.ask("double", row, 1)
        if row == 1:
            raise ValueError("no more chalk")
        rendezvous.ask("double", row, 2)
        finished.append(row)

    with pytest.raises(RowError, match="1 of 3 rows failed; row 1: ValueError: no more") as caught:
        rendezvous.run([partial(life, row) for row in range(3)])
    assert isinstance(caught.value.__cause__, ValueError)
    assert finished == [0, 2]
    assert not rendezvous.running
    assert rendezvous.run([partial(asking, rendezvous, 0, (4,))]) == [[8]]


def test_a_handler_that_raises_is_heard_by_those_who_asked_and_they_may_recover() -> None:
    def refuse(rows: Sequence[int], payloads: Sequence[Any]) -> Sequence[Any]:
        raise OSError("out of memory")

    rendezvous = Rendezvous({"refuse": refuse, "double": Doubling()})

    def recovering() -> str:
        try:
            rendezvous.ask("refuse", 0, None)
        except OSError:
            return "recovered"
        return "not told"

    ended: list[Any] = []
    with pytest.raises(RowError, match="row 1: OSError: out of memory"):
        rendezvous.run(
            [
                lambda: ended.append(recovering()),
                partial(rendezvous.ask, "refuse", 1, None),
                lambda: ended.append(rendezvous.ask("double", 2, 3)),
            ]
        )
    assert ended == ["recovered", 6]


def test_a_handler_with_too_few_replies_is_an_error_of_the_rows() -> None:
    rendezvous = Rendezvous({"double": lambda rows, payloads: [1]})
    with pytest.raises(RowError, match="2 of 2 rows failed"):
        rendezvous.run([partial(asking, rendezvous, row, (1,)) for row in range(2)])


def test_a_kind_nobody_handles_is_an_error_of_the_row() -> None:
    rendezvous = Rendezvous({})
    with pytest.raises(RowError, match="KeyError: 'train'"):
        rendezvous.run([partial(rendezvous.ask, "train", 0, None)])


def test_an_interrupt_ends_every_row() -> None:
    """Ctrl-C reaches the calling thread, here while it answers; no thread may be left behind."""

    def interrupted(rows: Sequence[int], payloads: Sequence[Any]) -> Sequence[Any]:
        raise KeyboardInterrupt

    def stubborn(row: int) -> None:
        try:
            rendezvous.ask("double", row, 1)
        finally:
            rendezvous.ask("double", row, 2)

    before = set(threading.enumerate())
    rendezvous = Rendezvous({"double": interrupted})
    with pytest.raises(KeyboardInterrupt):
        rendezvous.run([partial(stubborn, row) for row in range(3)])
    assert set(threading.enumerate()) <= before
    assert not rendezvous.running


def test_no_rows_are_no_results() -> None:
    assert Rendezvous({}).run([]) == []
