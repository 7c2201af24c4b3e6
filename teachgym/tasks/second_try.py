"""``second-try``: another task in which a wrong answer can be corrected once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.settings import Share, checked
from teachgym.shown import shown
from teachgym.tasks import make_task
from teachgym.tasks.task import TaskWrapper
from teachgym.types import Example, Grade, Turn, score_of

VERSION = "second-try-v0"


class SecondTry(TaskWrapper):
    """Another task in which the student may try again after a wrong answer, or after any.

    One worked example: to ``add 12+34=`` the student answers ``45``, is told ``no, try again:``,
    and answers ``46``. Then the item's score is ``credit``.

    Args:
        task: a name of `teachgym list tasks`, or one of your own.
        task_settings: the task's own.
        notice: what is said to a first answer.
        always: whether it is said to right answers, too, so that it tells nothing.
        credit: what a right answer is worth at the second try, in [0, 1].
        own: further settings of the task, in the place of those in ``task_settings``.

    Raises:
        ConfigError: for an empty notice, or a task that answers back by itself.
    """

    @checked
    def __init__(
        self,
        *,
        task: Any = "arithmetic-and-strings",
        task_settings: Mapping[str, Any] | None = None,
        notice: str = "no, try again:",
        always: bool = False,
        credit: Share = 1.0,
        **own: Any,
    ) -> None:
        if not notice.strip():
            raise ConfigError(f"notice is {shown(notice)}; it must say something")
        super().__init__(make_single("second-try", task, {**(task_settings or {}), **own}))
        self.name, self.max_turns = f"{self.task.name}+{VERSION}", 2
        self._notice, self._always, self._credit = notice, always, credit

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        """The notice, as a reply to a first answer that is wrong, or to any."""
        is_said = not turns and (self._always or score_of(self.grade(example, response)) < 1)
        return self._notice if is_said else None

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> Sequence[float | Grade]:
        """The task's grade of the last answer, its score times ``credit`` if it is the second."""
        grades = self.grade_all(examples, responses)
        return [self._second(g) if said else g for g, said in zip(grades, turns, strict=True)]

    def _second(self, grade: float | Grade) -> float | Grade:
        """The grade of a second answer."""
        if isinstance(grade, Grade):
            return replace(grade, score=grade.score * self._credit)
        return grade * self._credit


def make_single(who: str, task: Any, settings: Mapping[str, Any]) -> Task:
    """Make a task for ``who`` to wrap; ``ConfigError`` for one that answers back."""
    inner = make_task(task, **settings)
    if inner.max_turns > 1:
        raise ConfigError(
            f"task {inner.name!r} answers back by itself; give {who} one that asks once"
        )
    return inner
