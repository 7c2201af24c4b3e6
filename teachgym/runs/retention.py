"""``Keep``: which files of its steps a run keeps, and how often it can be picked up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from teachgym.settings import CountFromOne, build, checked

PredictionsKept = Literal["thinned", "all", "ends"]
StudentsKept = Literal["best", "all"]

MOST_THINNED = 100
"""Steps up to which ``thinned`` predictions are complete; at most as many and one are kept."""


@checked
@dataclass(frozen=True)
class Keep:
    """The retention of a run's steps: predictions, students, and how often a snapshot is made.

    Whatever is chosen, the files of a run depend on its steps alone, not on where it was
    interrupted.

    Example:
        >>> keep = Keep(predictions=10)
        >>> [step for step in range(26) if keep.prediction_of(step, last=25)]
        [0, 10, 20, 25]
        >>> [stride(last) for last in (1, 100, 101, 200, 3000)]
        [1, 1, 2, 2, 32]
    """

    predictions: PredictionsKept | CountFromOne = "thinned"
    """The steps whose answers on ``val`` are kept, besides those of the untrained, best and last
    student: ``all``; ``ends``, no others; a number k, every k-th; ``thinned``, every step up to
    100, then every second up to 200, every fourth up to 400, and so on."""
    students: StudentsKept | CountFromOne = "best"
    """The steps after which the student is kept, in ``students/step_<step>`` in the form its own
    ecosystem loads: ``all``; a number k, every k-th; ``best``, none, since the best one is in
    ``student`` at the end."""
    snapshot_every: CountFromOne = 1
    """Steps from one snapshot to the next, >= 1. What a dead process did since the last one is
    done again when the run is resumed, so anything above 1 is for steps that come out the same
    when they are made again: not on a GPU, and not with a budget of seconds."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Keep:
        """Read the table ``keep`` of a configuration; settings left out have their defaults.

        Raises:
            ConfigError: for a setting that does not exist or a value out of range.
        """
        return build("keep", cls, settings=settings)

    def prediction_of(self, step: int, *, last: int) -> bool:
        """Whether the predictions of a step stay when ``last`` is the last one."""
        if step in (0, last):
            return True
        if isinstance(self.predictions, int):
            return step % self.predictions == 0
        return self.predictions != "ends" and (
            self.predictions == "all" or step % stride(last) == 0
        )

    def outlived(self, last: int) -> Iterable[int]:
        """The steps whose predictions step ``last`` has made superfluous, besides the last best."""
        if self.predictions != "thinned" or stride(last) == (before := stride(last - 1)):
            return (last - 1,)
        return range(before, last, before)  # Every second of them stays.

    def student_of(self, step: int) -> bool:
        """Whether the student of a step, counted from 1, stays."""
        return self.students == "all" or (
            isinstance(self.students, int) and step % self.students == 0
        )

    def snapshot_of(self, step: int) -> bool:
        """Whether there is a snapshot after a step that is not the last of its episode."""
        return step % self.snapshot_every == 0


def stride(last: int) -> int:
    """The least power of two of which at most ``MOST_THINNED`` multiples lie in 1 ... ``last``."""
    found = 1
    while last // found > MOST_THINNED:
        found *= 2
    return found
