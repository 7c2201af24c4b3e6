"""``TaskEngine``: the common part of engines that are made for a task."""

from __future__ import annotations

from typing import ClassVar

from teachgym.errors import ConfigError
from teachgym.protocols import DataEngine, Task


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
