"""The journal: what a run has done, one line per finished stage, in order.

Stages are ``started``, ``step`` (as often as there were steps), ``exam`` and ``finished``. A
stage that is not in the journal has not happened: what a dead process left half done is done
again. Lines are Python's JSON, which keeps nan and infinity, so what is read is what was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym

from teachgym.records import Record
from teachgym.runs.files import append_lines, complete_lines, keep_lines, parse_json, stream_lines
from teachgym.types import Cost, Transition

Stage = Literal["started", "step", "exam", "finished"]


class Journal:
    """The lines of one journal, on disk; in memory are the first, the last and their number.

    Raises:
        RunError: for a first or last line that is damaged; of others, when they are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count, first, last = 0, b"{}", b"{}"
        for last in complete_lines(path):
            first = first if self._count else last
            self._count += 1
        self._first: Record = parse_json(first, f"{path}:1")
        self._last: Record = parse_json(last, f"{path}:{self._count}")

    def append(self, stage: Stage, **fields: Any) -> None:
        """Say that a stage is finished; on disk when this returns."""
        line = {"stage": stage, **fields}
        append_lines(self._path, [line])
        self._note(line)

    def mend(self) -> None:
        """Cut off a torn last line, so that the journal can be continued."""
        keep_lines(self._path, self._count)

    def has(self, stage: Stage) -> bool:
        """Whether the stage is finished."""
        if stage == "started":
            return self._first.get("stage") == stage
        if stage == "step":
            return self.n_steps > 0
        ends = ("finished",) if stage == "finished" else ("exam", "finished")
        return self._last.get("stage") in ends

    @property
    def n_steps(self) -> int:
        """How many of the environment's steps are finished."""
        around: tuple[Stage, ...] = ("started", "exam", "finished")
        return self._count - sum(map(self.has, around))

    def read(self) -> Iterator[Record]:
        """The lines, one at a time."""
        return stream_lines(self._path, self._count)

    def read_steps(self) -> Iterator[Record]:
        """The lines of the environment's steps, one at a time."""
        return (line for line in self.read() if line["stage"] == "step")

    @property
    def lines(self) -> list[Record]:
        """All lines at once."""
        return list(self.read())

    @property
    def steps(self) -> list[Record]:
        """The lines of the environment's steps, all at once."""
        return list(self.read_steps())

    @property
    def losses(self) -> list[float | None]:
        """Of each example that the steps trained on, in order: its loss; None = not known."""
        return [loss for line in self.read_steps() for loss in _losses(line)]

    @property
    def seconds(self) -> float:
        """What the process that finished the run has taken for it, loading and exam included.

        0 if the run is not finished.
        """
        return float(self._last.get("seconds", 0.0)) if self.has("finished") else 0.0

    @property
    def started(self) -> Record:
        """The line of the start; only if ``has("started")``."""
        return self._first

    def _note(self, line: Record) -> None:
        self._first = self._first if self._count else line
        self._last = line
        self._count += 1


def to_jsonable(space: gym.Space[Any], value: Any) -> Any:
    """An element of ``space`` as plain JSON, losslessly."""
    return space.to_jsonable([value])


def from_jsonable(space: gym.Space[Any], value: Any) -> Any:
    """Inverse of ``to_jsonable``."""
    return space.from_jsonable(value)[0]


def describe_step(env: gym.Env[Any, Any], transition: Transition) -> Record:
    """The journal's fields of a transition.

    Of ``info`` only losses, metrics, cost and stop reason are kept; the examples are in files of
    their own.
    """
    info = transition.info
    return {
        "action": to_jsonable(env.action_space, transition.action),
        "reward": transition.reward,
        "observation": to_jsonable(env.observation_space, transition.next_observation),
        "terminated": transition.terminated,
        "truncated": transition.truncated,
        "losses": list(info["losses"]),
        "metrics": dict(info["metrics"]),
        "cost": info["cost"].as_dict(),
        "stop_reason": info["stop_reason"],
    }


def recall_step(env: gym.Env[Any, Any], observation: Any, action: Any, line: Record) -> Transition:
    """The transition that ``line`` describes; ``observation`` and ``action`` led to it."""
    return Transition(
        observation,
        action,
        line["reward"],
        from_jsonable(env.observation_space, line["observation"]),
        line["terminated"],
        line["truncated"],
        {
            "losses": _losses(line),
            "metrics": line["metrics"],
            "cost": Cost(**line["cost"]),
            "stop_reason": line["stop_reason"],
        },
    )


def _losses(line: Record) -> tuple[float | None, ...]:
    """Of a step's examples; steps that were recorded before there were losses know of none."""
    return tuple(line.get("losses", [None] * line["metrics"]["accepted"]))
