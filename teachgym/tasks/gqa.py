"""``gqa``: questions about photographs, from files or the hub.

Hudson & Manning 2019, "GQA: A New Dataset for Real-World Visual Reasoning and Compositional
Question Answering" (arXiv 1902.09506). Read are the question files of the authors
(``train_balanced_questions.json``: an object of rows by id) beside a folder of pictures, and tables
with the pictures inside, as data sets on the hub have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from teachgym.settings import CountFromOne, checked
from teachgym.tasks.picture_questions import PictureQuestions, Pictures
from teachgym.tasks.problem_splits import Problem
from teachgym.tasks.question_answer_files import Row, RowsTask
from teachgym.tasks.question_answers import normalise
from teachgym.types import Grade

VERSION = "gqa-v1"
INSTRUCTION = "Answer the question in one word or a short phrase."
_IMAGES = ("image", "imageId")
_TYPES = ("question_type", "types")


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class Gqa(PictureQuestions, RowsTask):
    """GQA's questions, with a skill for each structural type or each label in the rows.

    The score is 1 for the right words, whatever their case, punctuation and articles
    (``teachgym.tasks.question_answers.normalise``); the part ``exact`` is the official comparison
    of characters, which DataEnvGym uses too. Rows have ``question``, ``answer``, a picture
    (``image``, or ``imageId`` in ``images``) and may have ``question_type``, or the authors'
    ``types``. No picture is in two splits: questions about one of val are not in train, nor are
    those about one of test.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, or a picture
            that is missing or bad.
        MissingExtraError: without pillow, or for Parquet without pyarrow.
    """

    limit: CountFromOne | None = 2000
    images: str | None = None
    """The folder of pictures, where rows name them."""
    val_per_skill: CountFromOne = 40
    """Validation items of each skill, >= 1."""
    instruction: str = INSTRUCTION
    """The beginning of every prompt."""

    def __post_init__(self) -> None:
        pictures = Pictures(self.images)
        problems = (
            [_problem(f"{split}/{n:06}", row, pictures) for n, row in enumerate(_flat(rows))]
            for split, rows in self.rows().items()
        )
        splits = self.divide(VERSION, problems, self.val_per_skill)
        self.show(splits, pictures, grade_words, self.instruction)


def grade_words(target: str, said: str) -> Grade:
    """Grade the words, and the exact characters as a part."""
    exact = float(target == said.strip())
    return Grade(float(normalise(target) == normalise(said)), {"exact": exact})


def _flat(rows: Iterable[Row]) -> Iterable[Row]:
    """The rows, those of an object of rows one by one."""
    for row in rows:
        if "question" in row.values or not all(isinstance(v, dict) for v in row.values.values()):
            yield row
        else:
            yield from (
                Row({"id": key, **values}, f"{row.where}: {key!r}")
                for key, values in row.values.items()
            )


def _problem(place: str, row: Row, pictures: Pictures) -> Problem:
    column = next((name for name in _IMAGES if name in row.values), _IMAGES[0])
    skill = _skill(row)
    return Problem(
        f"{VERSION}/{place}",
        row.text("question"),
        row.text("answer"),
        skill,
        cell=skill,
        images=(pictures.name(row, column),),
    )


def _skill(row: Row) -> str:
    found: Any = next((row.values[name] for name in _TYPES if name in row.values), "questions")
    return str(found["structural"]) if isinstance(found, Mapping) else str(found)
