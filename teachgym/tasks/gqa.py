"""``gqa``: questions about photographs, from files or the hub.

Hudson & Manning 2019, "GQA: A New Dataset for Real-World Visual Reasoning and Compositional
Question Answering" (arXiv 1902.09506). Read are the question files of the authors
(``train_balanced_questions.json``: an object of rows by id) beside a folder of pictures, and tables
with the pictures inside, as data sets on the hub have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from teachgym.settings import CountFromOne, Seed, checked
from teachgym.tasks.picture_questions import PictureQuestions, Pictures
from teachgym.tasks.problem_splits import Problem, Selection, split_problems
from teachgym.tasks.question_answer_files import Row, Source, read_splits
from teachgym.tasks.question_answers import normalise
from teachgym.types import Grade

VERSION = "gqa-v0"
INSTRUCTION = "Answer the question in one word or a short phrase."
_IMAGES = ("image", "imageId")
_TYPES = ("question_type", "types")


class Gqa(PictureQuestions):
    """GQA's questions, with a skill for each structural type or each label in the rows.

    The score is 1 for the right words, whatever their case, punctuation and articles; the part
    ``exact`` is the official comparison of characters, which DataEnvGym uses too.

    Args:
        path: files by split, a folder, or a data set on the hub; see ``question_answer_files``.
            Rows have ``question``, ``answer``, a picture (``image``, or ``imageId`` in ``images``)
            and may have ``question_type``, or the authors' ``types``.
        images: the folder of pictures, where rows name them.
        seed: chooses val and what a limit leaves, >= 0.
        val_per_skill: validation items of each skill, >= 1.
        limit: the most items of each split, >= 1; None = all.
        test_limit: the most items of test, >= 1; None = as ``limit``.
        config: the sub-folder to read, where there is one.
        revision: commit or tag of a data set on the hub; None = its newest version.
        instruction: what every prompt starts with.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, or a picture
            that is missing or bad.
        MissingExtraError: without pillow, or for Parquet without pyarrow.
    """

    @checked
    def __init__(
        self,
        *,
        path: Source,
        images: str | None = None,
        seed: Seed = 0,
        val_per_skill: CountFromOne = 40,
        limit: CountFromOne | None = 2000,
        test_limit: CountFromOne | None = None,
        config: str | None = None,
        revision: str | None = None,
        instruction: str = INSTRUCTION,
    ) -> None:
        pictures = Pictures(images)
        selection = Selection(val_per_skill, seed, 0, limit, test_limit)
        rows = read_splits(path, config=config, revision=revision)
        train, test = (
            [_problem(f"{split}/{n:06}", row, pictures) for n, row in enumerate(_flat(rows[split]))]
            for split in ("train", "test")
        )
        splits = split_problems(train, test, selection)
        name = f"{VERSION}-{selection.label}"
        super().__init__(name, splits, pictures, grade_words, instruction=instruction)


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
