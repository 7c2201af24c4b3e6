"""Learning curves of a student: what it was taught, in how many runs, and what it knew after.

A sequence starts from the first weights. It has segments: examples that are divided evenly among
some training runs, and an examination after the last of these.
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
    """How the counts were chosen."""
    runs: Sequence[int]
    """Training runs of each segment, (T,)."""
    counts: FloatArray
    """Training examples of each segment, (T, S, L)."""
    right: FloatArray
    """Items answered right, before the first segment and after each, (T + 1, S, L)."""

    def line(self) -> str:
        """JSON, from which ``Curves.load`` reads it."""
        counts, right = (a.astype(int).tolist() for a in (self.counts, self.right))
        content = {"design": self.design, "runs": [*self.runs], "counts": counts, "right": right}
        return json.dumps(content, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Subject:
    """The student whose curves they are, as far as it was examined."""

    skills: tuple[str, ...]
    levels: tuple[float, ...]
    items: int
    """Held-out items per cell, the same ones in every examination."""
    prerequisites: tuple[tuple[str, str], ...] = ()
    """(skill, other): the skill cannot be learned without the other."""
    links: tuple[tuple[str, str], ...] = ()
    """(skill, other): examples of the other may help the skill."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Q sequences of one student, each from the same weights; the longest has T segments.

    Shorter ones end in segments of no runs and no examples, after which nothing was measured.
    """

    subject: Subject
    designs: tuple[str, ...]
    """How the counts of each sequence were chosen, (Q,)."""
    runs: NDArray[np.int64]
    """Training runs that each segment was cut into, (Q, T)."""
    counts: FloatArray
    """Training examples, (Q, T, S, L)."""
    right: FloatArray
    """Items answered right, before the first segment and after each, (Q, T + 1, S, L); nan = not
    measured."""

    @property
    def accuracy(self) -> FloatArray:
        """Share of right answers, (Q, T + 1, S, L)."""
        return self.right / self.subject.items

    @classmethod
    def of(cls, subject: Subject, sequences: Sequence[Curve]) -> Curves:
        """The sequences of ``subject`` side by side."""
        longest = max(len(c.runs) for c in sequences)
        return cls(
            subject,
            designs=tuple(c.design for c in sequences),
            runs=np.stack([_padded(np.array(c.runs), longest, 0) for c in sequences]),
            counts=np.stack([_padded(c.counts, longest, 0) for c in sequences]),
            right=np.stack([_padded(c.right, longest + 1, np.nan) for c in sequences]),
        )

    def pick(self, sequences: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Curves:
        """The curves of the sequences with these numbers, or where these are true."""
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
        """Read a file of a subject's line, ``head``, and a ``Curve.line`` per sequence.

        A last line that was not finished is left out.
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
    """The first line of a file of curves, JSON."""
    return json.dumps(asdict(subject)) + "\n"


def _padded(values: NDArray[np.generic], length: int, filler: float) -> NDArray[np.generic]:
    """``values`` with as much of ``filler`` after them that there are ``length``."""
    width = [(0, length - len(values)), *[(0, 0)] * (values.ndim - 1)]
    return np.pad(values, width, constant_values=filler)
