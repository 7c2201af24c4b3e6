"""Learning curves of a student: its training examples, their runs, and its accuracy afterwards.

A sequence starts from the first weights. A segment divides its examples evenly among some training
runs, and ends with an examination.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teachgym.types import FloatArray


class Curve(NamedTuple):
    """One sequence of T segments; S skills, L levels."""

    design: str
    """The rule by which the counts were chosen."""
    runs: Sequence[int]
    """Training runs of each segment, (T,)."""
    counts: FloatArray
    """Training examples of each segment, (T, S, L)."""
    right: FloatArray
    """Number of right answers before the first segment and after each, (T + 1, S, L)."""

    def line(self) -> str:
        """Return the line of JSON from which ``Curves.load`` reads it."""
        counts, right = (a.astype(int).tolist() for a in (self.counts, self.right))
        content = {"design": self.design, "runs": [*self.runs], "counts": counts, "right": right}
        return json.dumps(content, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Subject:
    """The student of the curves, with the skills and levels that were examined."""

    skills: tuple[str, ...]
    levels: tuple[float, ...]
    items: int
    """Number of held-out items per cell, the same ones in every examination."""
    prerequisites: tuple[tuple[str, str], ...] = ()
    """(skill, other): the skill cannot be learned without the other."""
    links: tuple[tuple[str, str], ...] = ()
    """(skill, other): examples of the other may help the skill."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of Q sequences of one student, from the same weights, with at most T segments.

    Shorter sequences end in segments without runs, examples and measurements.
    """

    subject: Subject
    designs: tuple[str, ...]
    """The rule by which the counts of each sequence were chosen, (Q,)."""
    runs: NDArray[np.int64]
    """Number of training runs in each segment, (Q, T)."""
    counts: FloatArray
    """Training examples, (Q, T, S, L)."""
    right: FloatArray
    """Number of right answers before the first segment and after each, (Q, T + 1, S, L); nan = not
    measured."""

    @property
    def accuracy(self) -> FloatArray:
        """Return the share of right answers, (Q, T + 1, S, L)."""
        return self.right / self.subject.items

    @classmethod
    def of(cls, subject: Subject, sequences: Sequence[Curve]) -> Curves:
        """Collect the sequences of ``subject``."""
        longest = max(len(c.runs) for c in sequences)
        return cls(
            subject,
            designs=tuple(c.design for c in sequences),
            runs=np.stack([_padded(np.array(c.runs), longest, 0) for c in sequences]),
            counts=np.stack([_padded(c.counts, longest, 0) for c in sequences]),
            right=np.stack([_padded(c.right, longest + 1, np.nan) for c in sequences]),
        )

    def pick(self, sequences: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Curves:
        """Select sequences by their indices or by a mask."""
        kept = np.arange(len(self.designs))[sequences]
        return Curves(
            self.subject,
            tuple(self.designs[i] for i in kept),
            self.runs[kept],
            self.counts[kept],
            self.right[kept],
        )

    @classmethod
    def load(cls, path: Path) -> Curves:
        """Read a file that has the line ``head`` of a subject, and a ``Curve.line`` per sequence.

        An unfinished last line is left out.
        """
        first, *lines = path.read_text().splitlines(keepends=True)
        head = json.loads(first)
        pairs = {name: tuple(map(tuple, head.pop(name))) for name in ("prerequisites", "links")}
        subject = Subject(tuple(head["skills"]), tuple(head["levels"]), head["items"], **pairs)
        contents = [json.loads(line) for line in lines if line.endswith("\n")]
        numbers = (
            (c["design"], c["runs"], *(np.array(c[k], dtype=float) for k in ("counts", "right")))
            for c in contents
        )
        return cls.of(subject, [Curve(*fields) for fields in numbers])


def head(subject: Subject) -> str:
    """Return the first line of a file of curves, as JSON."""
    return json.dumps(asdict(subject)) + "\n"


def _padded(values: NDArray[np.generic], length: int, filler: float) -> NDArray[np.generic]:
    """Pad ``values`` with ``filler`` to ``length``."""
    width = [(0, length - len(values)), *[(0, 0)] * (values.ndim - 1)]
    return np.pad(values, width, constant_values=filler)
