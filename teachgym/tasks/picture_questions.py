"""``PictureQuestions``: a task of a data set's questions about pictures.

What the real sets have in common: rows become problems, problems splits, and only the pictures of
what is kept are read, each once, and put into the ``ImageStore`` as upright RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError
from teachgym.images import ImageStore, open_image, require_pillow, to_png
from teachgym.shown import shown
from teachgym.tasks.problem_splits import Problem, ProblemSplits
from teachgym.tasks.question_answer_files import Row
from teachgym.tasks.task import ListedTask
from teachgym.types import Example, Grade, Skill

Grader = Callable[[str, str], float | Grade]
"""The grade of a response, by target and response."""


class PictureQuestions(ListedTask):
    """A task of a data set's questions about pictures; no rule makes more of them."""

    def show(
        self, splits: ProblemSplits, pictures: Pictures, grade: Grader, instruction: str = ""
    ) -> None:
        """Make the items, before anything else is asked of the task but its name.

        Args:
            splits: the problems.
            pictures: reads the bytes of a picture by the name that problems have for it.
            grade: compares a response with a target.
            instruction: the beginning of every prompt.

        Raises:
            MissingExtraError: without pillow.
            ConfigError: for a picture that is missing or cannot be read; it names the file.
        """
        require_pillow()
        self.dropped = splits.dropped
        problems = (*splits.train, *splits.val, *splits.test)
        self.skills = tuple(map(Skill, sorted({p.skill for p in problems})))
        self._grade, self._opening = grade, f"{instruction}\n\n" if instruction else ""
        self._examples = splits.examples(partial(self._example, cache(pictures.store)))

    def grade(self, example: Example, response: str) -> float | Grade:
        """1 for a right response, else 0."""
        return self._grade(example.target, response)

    def _example(self, stored: Callable[[str], str], problem: Problem) -> Example:
        images = tuple(map(stored, problem.images))
        return problem.example(f"{self._opening}{problem.text}", images)


class Pictures:
    """The pictures that rows name or contain.

    Args:
        folder: where named pictures are; None = there are none.
        suffix: of their files, where names have none.

    Raises:
        ConfigError: if there is no such folder.
    """

    def __init__(self, folder: str | Path | None = None, suffix: str = ".jpg") -> None:
        self._folder = None if folder is None else Path(folder).expanduser()
        if self._folder is not None and not self._folder.is_dir():
            raise ConfigError(f"there is no folder {str(folder)!r} of pictures")
        self._suffix = suffix
        self._inside: dict[str, tuple[bytes, str]] = {}
        self._images = ImageStore()

    def name(self, row: Row, column: str) -> str:
        """The name by which a problem refers to the picture in a row's column.

        A value is a path, the number of a file, or what ``datasets`` writes: an object with
        ``bytes`` and ``path``.
        """
        value: Any = row.value(column)
        if isinstance(value, Mapping) and value.get("bytes"):
            value = value["bytes"]
        elif isinstance(value, Mapping):
            value = value.get("path")
        if isinstance(value, bytes):
            name = sha256(value).hexdigest()
            self._inside[name] = value, f"{row.where}: {column}"
            return name
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigError(
                f"{row.where}: {column!r} is {shown(value)}; it must be a picture or its path"
            )
        return str(value)

    def store(self, name: str) -> str:
        """Put a picture into the ``ImageStore`` and return its digest."""
        if name in self._inside:
            content, where = self._inside.pop(name)
        else:
            path = (self._folder or Path()) / name
            path = path if path.suffix else path.with_suffix(self._suffix)
            where = str(path)
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        return self._images.put(to_png(open_image(content, where)))
