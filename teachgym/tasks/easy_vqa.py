"""``easy-vqa``: 48,000 questions about 5,000 pictures of one shape each, from the package easy-vqa.

The pictures are in the package (MIT), which is not imported: ``pip install --no-deps easy-vqa``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from teachgym.errors import MissingExtraError
from teachgym.settings import CountFromOne, checked
from teachgym.tasks.picture_questions import PictureQuestions, Pictures
from teachgym.tasks.problem_splits import Problem, ProblemsTask
from teachgym.tasks.question_answer_files import package_data
from teachgym.tasks.question_answers import normalise

SHAPES = "circle|rectangle|triangle"
_KINDS = {
    "colour": r"what .*\bcolou?r\b.*",
    "shape": r"what .*",
    "is-shape": rf"(?!.*\b(?:not|no)\b).*\b(?:{SHAPES})\b.*",
    "is-not-shape": rf".*\b(?:{SHAPES})\b.*",
    "is-colour": r"(?!.*\b(?:not|no)\b).*",
    "is-not-colour": r".*",
}
"""Skill to the form of its questions; the first that fits."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class EasyVqa(PictureQuestions, ProblemsTask):
    """Simple questions of six kinds about one coloured shape; 13 answers.

    ``test`` is the package's own, ``val`` is drawn from its train. No picture is in two splits:
    questions about one of val are not in train.

    Raises:
        MissingExtraError: without the package, or pillow.
    """

    limit: CountFromOne | None = 2000
    val_per_skill: CountFromOne = 40
    """Validation items of each skill, >= 1."""
    instruction: str = ""
    """The beginning of every prompt."""

    def __post_init__(self) -> None:
        folder = _folder()
        problems = (_problems(folder, split) for split in ("train", "test"))
        self.show(
            self.divide("easy-vqa-v1", problems, self.val_per_skill),
            Pictures(folder, ".png"),
            lambda target, said: float(normalise(target) == normalise(said)),
            self.instruction,
        )


def _folder() -> Path:
    """The folder in which the package keeps its data."""
    if (folder := package_data("easy_vqa")) is None:
        raise MissingExtraError(
            "easy-vqa is not installed; install it with: pip install --no-deps easy-vqa"
        )
    return folder


def _problems(folder: Path, split: str) -> list[Problem]:
    rows = json.loads((folder / split / "questions.json").read_text(encoding="utf-8"))
    problems = []
    for number, (question, answer, image) in enumerate(rows):
        skill = kind_of(question)
        problems.append(
            Problem(
                f"easy-vqa/{split}/{number:05}",
                question,
                answer,
                skill,
                cell=skill,
                images=(f"{split}/images/{image}",),
            )
        )
    return problems


def kind_of(question: str) -> str:
    """The skill of a question.

    Example:
        >>> kind_of("what is the blue shape?"), kind_of("is there not a red shape?")
        ('shape', 'is-not-colour')
    """
    return next(kind for kind, form in _KINDS.items() if re.fullmatch(form, question.lower()))
