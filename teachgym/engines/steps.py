"""Worked solutions: the steps of a target, how they go wrong, and engines that need them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import DataEngine, Task

_RESULT = re.compile(r"\d+(?=\D*$)")
"""The last whole number of a line."""
_FARTHEST = 9
"""By how much a wrong result is off at most."""


class TaskEngine(DataEngine):
    """Makes data for a task."""

    name: ClassVar[str]
    """The name in ``ENGINES``."""
    needs_steps: ClassVar[bool] = False
    """Whether it works on the steps of worked solutions."""

    def require_steps(self, task: Task) -> None:
        """Raise ``ConfigError`` for a task without worked solutions, if their steps are needed."""
        if self.needs_steps and not task.brief.solution:
            raise ConfigError(
                f"engine {self.name!r} works on the steps of worked solutions, which task "
                f"{task.name!r} has not; choose another engine, or a task such as 'word-problems'"
            )


def steps_of(target: str) -> tuple[list[str], str]:
    r"""The steps of a worked solution, each with its line end, and the line with the answer.

    Example:
        >>> steps_of("4+2=6\n6*5=30\n#### 30")
        (['4+2=6\n', '6*5=30\n'], '#### 30')
    """
    *steps, answer = target.splitlines(keepends=True) or [""]
    return steps, answer


def with_result(line: str, result: int) -> str:
    r"""The line with another number in the place of its last one.

    Example:
        >>> with_result("4+2=6\n", 7)
        '4+2=7\n'
    """
    return _RESULT.sub(str(result), line, count=1)


def wrong_result(line: str, rng: np.random.Generator) -> int | None:
    """A number that is off from the last one of a line by 1 to 9, >= 0; None if it has none."""
    if (found := _RESULT.search(line)) is None:
        return None
    right = int(found[0])
    near = [*range(max(right - _FARTHEST, 0), right), *range(right + 1, right + _FARTHEST + 1)]
    return int(rng.choice(near))


def spans_of(parts: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Texts with loss weights as spans, without the empty ones."""
    return tuple((text, weight) for text, weight in parts if text)
