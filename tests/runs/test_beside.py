"""Work beside its caller: in order, one piece at a time, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, get_ident
from typing import Any

import pytest

from teachgym.runs import RunFolder, record_episode
from teachgym.runs.beside import Beside
from teachgym.runs.files import append_lines
from tests.runs.dying import contents, stop_clocks, toy_tree


def test_pieces_are_done_in_order_on_another_thread_and_all_by_the_end() -> None:
    done: list[tuple[int, bool]] = []
    me = get_ident()
    with Beside() as beside:
        for number in range(5):
            beside(partial(lambda n: done.append((n, get_ident() == me)), number))
    assert done == [(number, False) for number in range(5)]


def test_the_caller_goes_on_while_a_piece_is_done_and_waits_before_the_next() -> None:
    may_end, done = Event(), list[str]()

    def slow() -> None:
        assert may_end.wait(60)
        done.append("slow")

    with Beside() as beside:
        beside(slow)
        done.append("caller")
        may_end.set()
        beside(partial(done.append, "next"))
        assert done[:2] == ["caller", "slow"]
    assert done == ["caller", "slow", "next"]


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_what_a_piece_raises_is_raised_once_and_nothing_is_done_after_it(
    error: BaseException,
) -> None:
    done: list[str] = []

    def fail() -> None:
        raise error

    with Beside() as beside:
        beside(fail)
        with pytest.raises(type(error)):
            beside(partial(done.append, "after it"))
        beside.wait()
    assert done == []


def test_leaving_the_block_raises_what_the_last_piece_raised() -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), Beside() as beside:
        beside(fail)


def test_a_block_that_is_left_by_an_error_has_its_piece_done_first() -> None:
    done: list[str] = []

    def fail_in_a_block() -> None:
        with Beside() as beside:
            beside(partial(done.append, "piece"))
            raise ValueError("its own")

    with pytest.raises(ValueError, match="own"):
        fail_in_a_block()
    assert done == ["piece"]


def test_a_step_is_written_while_the_next_one_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step is written before the second is trained, and all files are as they always are."""
    stop_clocks(monkeypatch)
    env, teacher = toy_tree()
    record_episode(env, teacher, RunFolder.create(tmp_path / "plain", {}), seed=3)
    env, teacher = toy_tree()
    trainer: Any = env.unwrapped.trainer  # type: ignore[attr-defined]
    train, calls, second = trainer.train, count(1), Event()

    def tell(*arguments: Any) -> Any:
        if next(calls) == 2:
            second.set()
        return train(*arguments)

    def patient(path: Path, records: Iterable[Any]) -> None:
        assert second.wait(60)
        append_lines(path, records)

    monkeypatch.setattr(trainer, "train", tell)
    monkeypatch.setattr("teachgym.runs.recorder.append_lines", patient)
    record_episode(env, teacher, RunFolder.create(tmp_path / "beside", {}), seed=3)
    assert contents(tmp_path / "beside") == contents(tmp_path / "plain")
