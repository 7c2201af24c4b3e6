"""The journal: what a run has done, one line per finished stage, in order.

Stages are ``started``, ``step`` (as often as there were steps), ``exam`` and ``finished``;
``resumed`` says which differences somebody has accepted to go on. A stage that is not in the
journal has not happened: what a dead process left half done is done again. Each line carries the
digests of the files that its stage wrote, of the line before it and of itself. Lines are Python's
JSON, which keeps nan and infinity, so what is read is what was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np

from teachgym.actions import is_numeric
from teachgym.errors import RunError
from teachgym.records import Record
from teachgym.runs.files import append_text, complete_lines, keep_lines, parse_json
from teachgym.runs.manifest import Manifest, require_intact, require_no_later
from teachgym.runs.seals import check_chain, seal
from teachgym.types import Cost, Data, Transition

Stage = Literal["started", "step", "exam", "finished", "resumed"]


class Journal:
    """The lines of one journal, on disk; in memory are the first, the last and their number.

    Files beside the journal are those of its run.

    Raises:
        RunError: if a line is not the one that was written, or one is missing before another.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stages: Counter[str] = Counter()
        self._first: Record = {}
        self._last: Record = {}
        self._manifest: Manifest | None = None
        self._digest = check_chain(path, self._scan(complete_lines(path)))

    def append(self, stage: Stage, **fields: Any) -> None:
        """Say that a stage is finished; on disk when this returns."""
        files = {} if stage == "resumed" else self._changes()  # It writes nothing itself.
        line = {"stage": stage, **fields, **({"files": files} if files else {})}
        text, self._digest = seal(line, self._digest)
        append_text(self._path, text)
        self._note(line)

    def require_intact(self, *names: str, reads: bool = False) -> None:
        """See that the run's files, or those of some names, are those that the journal tells of.

        Args:
            names: of the files to look at; by default all.
            reads: whether they are only to be read: then a journal from before there were digests,
                by which nobody can tell, passes.

        Raises:
            RunError: for a file that differs, and for a journal from before there were digests.
        """
        if not self.has_digests:
            if reads:
                return
            raise RunError(
                f"{self._path} was begun before journals had digests, so nobody can tell whether "
                "its files are as they were; it can be read, and made again but not resumed"
            )
        if not names:
            begun = self.n_steps + 1 if self.has("started") else 0
            require_no_later(self._path.parent, begun)
        require_intact(self._path.parent, self.read(), names=names, ended=self.has("finished"))

    def mend(self) -> None:
        """Cut off a torn last line, so that the journal can be continued."""
        keep_lines(self._path, self._count)

    def has(self, stage: Stage) -> bool:
        """Whether the stage is finished."""
        return self._stages[stage] > 0

    @property
    def has_digests(self) -> bool:
        """Whether its lines have digests, as all have that were begun since there are any."""
        return bool(self._digest)

    @property
    def n_steps(self) -> int:
        """The number of finished steps of the environment."""
        return self._stages["step"]

    def read(self) -> Iterator[Record]:
        """The lines, one at a time."""
        lines = enumerate(islice(complete_lines(self._path), self._count), 1)
        return (_read(line, f"{self._path}:{n}") for n, line in lines)

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
        """The loss of each example that the steps trained on, in order; None = not known."""
        return [loss for line in self.read_steps() for loss in _losses(line)]

    @property
    def run(self) -> Record:
        """The provenance that the run continues with: that of its start, or the one accepted last.

        As ``config.json`` has it; empty before the start.
        """
        return self._latest("run")

    @property
    def written(self) -> Record:
        """The record of ``config.json`` at the start, or at the last acceptance."""
        return self._latest("written") or self._latest("run")

    @property
    def accepted(self) -> tuple[str, ...]:
        """The differences that were accepted when the run was resumed, in order, each once."""
        if not self.has("resumed"):
            return ()
        lines = (line for line in self.read() if line["stage"] == "resumed")
        return tuple(dict.fromkeys(one for line in lines for one in line["accepted"]))

    @property
    def seconds(self) -> float:
        """Seconds that the process that finished the run took, loading and exam included.

        0 if the run is not finished.
        """
        return float(self._last.get("seconds", 0.0)) if self.has("finished") else 0.0

    @property
    def started(self) -> Record:
        """The line of the start; only if ``has("started")``."""
        return self._first

    @property
    def _count(self) -> int:
        return self._stages.total()

    def _latest(self, name: str) -> Record:
        told = [line[name] for line in self.read() if name in line] if self._stages else []
        return dict(told[-1]) if told else {}

    def _changes(self) -> Record:
        if self._manifest is None:
            self._manifest = Manifest(self._path.parent, self.read())
        return dict(self._manifest.changes())

    def _note(self, line: Record) -> None:
        self._first = self._first or line
        self._last = line
        self._stages[line["stage"]] += 1

    def _scan(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Pass lines on and take note of them; only the first and the last are read."""
        first = last = b""
        for number, line in enumerate(lines, 1):
            stage = _stage(line)
            if stage is None:
                place = f"{self._path}:{number}"
                parse_json(line, place)
                raise RunError(f"{place} is damaged (it tells of no stage); restore it from a copy")
            self._stages[stage] += 1
            first, last = first or line, line
            yield line
        if last:
            self._first = _read(first, f"{self._path}:1")
            self._last = _read(last, f"{self._path}:{self._count}")


def to_jsonable(space: gym.Space[Any], value: Any) -> Any:
    """An element of ``space`` as plain JSON, losslessly; numbers may be in lists, as in a step."""
    return space.to_jsonable([_in_arrays(value) if is_numeric(space) else value])


def _in_arrays(value: Any) -> Any:
    """Numbers as Gymnasium's spaces write them."""
    if isinstance(value, Mapping):
        return {name: _in_arrays(part) for name, part in value.items()}
    return np.asarray(value) if isinstance(value, list | tuple) else value


def from_jsonable(space: gym.Space[Any], value: Any) -> Any:
    """Inverse of ``to_jsonable``."""
    return space.from_jsonable(value)[0]


def describe_step(env: gym.Env[Any, Any], transition: Transition) -> Record:
    """The journal's fields of a transition.

    Of ``info`` only losses, metrics, cost, stop reason and the keys of the calls of chat models
    are kept; the examples are in files of their own.
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
        **({"calls": list(info["calls"])} if "calls" in info else {}),
    }


def recall_step(
    env: gym.Env[Any, Any], observation: Any, action: Any, line: Record, data: Data
) -> Transition:
    """The transition that ``line`` describes; ``observation`` and ``action`` led to it.

    ``data`` are the examples that were accepted in the step.
    """
    return Transition(
        observation,
        action,
        line["reward"],
        from_jsonable(env.observation_space, line["observation"]),
        line["terminated"],
        line["truncated"],
        {
            "data": data,
            "losses": _losses(line),
            "metrics": line["metrics"],
            "cost": Cost(**line["cost"]),
            "stop_reason": line["stop_reason"],
        },
    )


def is_step(line: bytes) -> bool:
    """Whether a line of a journal is that of a step; it is not read for that."""
    return _stage(line) == "step"


def _stage(line: bytes) -> Stage | None:
    """The stage at the beginning of a line; None if there is none."""
    return next(
        (s for s in get_args(Stage) if line.startswith(b'{"stage": "%b"' % s.encode())), None
    )


def _read(content: bytes, place: str) -> Record:
    """A line without the digests of its seal."""
    line = parse_json(content, place)
    return {key: value for key, value in line.items() if key not in ("previous", "digest")}


def _losses(line: Record) -> tuple[float | None, ...]:
    """The losses of a step's examples; None in steps recorded before there were losses."""
    return tuple(line.get("losses", [None] * line["metrics"]["accepted"]))
