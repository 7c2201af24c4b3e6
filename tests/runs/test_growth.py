"""A step costs the same after many steps as after a few: by counting, not by the clock."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from teachgym.gate import Gate, GateSettings, Seen
from teachgym.runs import RunFolder, record_episode, record_steps
from teachgym.testing import ToyTask
from teachgym.types import Example, Report, Transition
from tests.runs.dying import Killed, stop_clocks, toy_tree

STEPS = 120
EARLY, LATE = slice(20, 40), slice(STEPS - 21, STEPS - 1)


@pytest.fixture(autouse=True)
def _clocks_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.retention.MOST_THINNED", 10)


def sizes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def written(before: dict[Path, int], after: dict[Path, int]) -> int:
    """Bytes of new files, and those by which others have grown."""
    return sum(size - before.get(path, 0) for path, size in after.items())


def lived(run: RunFolder) -> Iterator[Transition]:
    env, teacher = toy_tree(STEPS)
    return record_steps(env, teacher, run, seed=3)


@pytest.mark.slow
def test_bytes_and_calls_of_a_step_do_not_grow_and_no_transition_stays(tmp_path: Path) -> None:
    """Skill-Tree moves every step, so all that a run can accumulate does."""
    run = RunFolder.create(tmp_path / "run", {})
    amounts, calls, files = list[int](), list[int](), list[int]()
    steps, before, count = lived(run), sizes(run.path), Counter[str]()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        count[event] += 1

    while True:
        count.clear()
        sys.setprofile(profile)
        transition = next(steps, None)
        sys.setprofile(None)
        if transition is None:
            break
        calls.append(count["call"] + count["c_call"])
        after = sizes(run.path)
        amounts.append(written(before, after))
        files.append(len(after))
        before = after
    assert len(calls) == STEPS
    del transition
    for numbers in (amounts, calls):
        assert sum(numbers[LATE]) < 1.1 * sum(numbers[EARLY])
    assert max(files[LATE]) <= max(files[EARLY]) + 1
    gc.collect()
    alive = Counter(type(thing) for thing in gc.get_objects())
    assert alive[Transition] == 0
    assert alive[Report] < 20


@pytest.mark.slow
def test_a_recorded_step_costs_the_same_to_live_through_however_many_there_are(
    tmp_path: Path,
) -> None:
    """Calls up to the end of the recorded steps, for a run of 30 and one of 90 of them."""

    def calls(recorded: int) -> int:
        run = RunFolder.create(tmp_path / str(recorded), {})

        def die(step: int, transition: Transition) -> None:
            if step == recorded:
                raise Killed

        env, teacher = toy_tree(STEPS)
        with pytest.raises(Killed):
            record_episode(env, teacher, run, seed=3, observers=[die])
        steps, count = lived(run), Counter[str]()
        next(steps)

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            count[event] += 1

        sys.setprofile(profile)
        for _ in range(recorded - 2):
            next(steps)
        sys.setprofile(None)
        return count["call"] + count["c_call"]

    few, many = calls(30), calls(90)
    assert many / 88 < 1.1 * few / 28


class Unread(Seen):
    """Must not be looked through."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all that was seen is looked through")


@pytest.mark.parametrize("duplicates", ["reject", "near"])
def test_the_gate_does_not_look_through_what_was_seen(duplicates: Any) -> None:
    if duplicates == "near":
        pytest.importorskip("datasketch")
    gate, seen = Gate(ToyTask(), GateSettings(duplicates=duplicates)), Unread()
    for step in range(5):
        batch = [Example(f"copy: {step}{n}zqx", f"{step}{n}zqx", "copy") for n in range(3)]
        accepted = gate.inspect(batch, seen=seen).accepted
        seen.add(gate.form(e) for e in accepted)
        assert not gate.inspect(batch, seen=seen).accepted
