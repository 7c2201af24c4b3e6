"""``naturalbench``: pairs of questions about pairs of photographs, from files or the hub.

Li et al. 2024, "NaturalBench: Evaluating Vision-Language Models on Natural Adversarial Samples"
(arXiv 2410.14669). A row has two questions, two pictures and four answers, as
``BaiqiL/NaturalBench`` on the hub does; all of its rows are in one split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, Seed, checked
from teachgym.shown import shown
from teachgym.tasks.paired_questions import MEMBERS, Place, paired_accuracies
from teachgym.tasks.picture_questions import PictureQuestions, Pictures
from teachgym.tasks.problem_splits import Problem, ProblemSplits, draw
from teachgym.tasks.question_answer_files import Row, Source, read_splits
from teachgym.types import Example, Prediction, Score

VERSION = "naturalbench-v0"
SUFFIXES = {
    "yes_no": "Answer yes or no.",
    "multiple_choice": "Answer with the letter of the right option.",
}
"""The line after a question of each type, which is a skill."""
_FIRST = {
    "yes_no": re.compile(r"\b(yes|no)\b", re.IGNORECASE),
    "multiple_choice": re.compile(r"\b([AB])\b"),
}


class NaturalBench(PictureQuestions):
    """Groups of NaturalBench, graded by the first answer word, with its four accuracies.

    Accuracy is the paper's binary one; ``question_accuracy``, ``picture_accuracy`` and
    ``group_accuracy`` are metrics. What has no answer word is wrong, whatever the right answer is.
    The letter of an option counts as a capital alone, unlike the authors' code, which also takes
    the article. There is little to train on: the rows that are in neither val nor test.

    Args:
        path: a file, files by split, a folder, or a data set on the hub; all splits are put
            together.
        images: the folder of pictures, where rows name them.
        val_groups: groups of val, >= 1.
        test_groups: groups of test, >= 1.
        seed: chooses them, >= 0.
        revision: commit or tag of a data set on the hub; None = its newest version.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, an unknown
            type or answer, too few groups, or a picture that is missing or bad.
        MissingExtraError: without pillow, or for Parquet without pyarrow.
    """

    @checked
    def __init__(
        self,
        *,
        path: Source,
        images: str | None = None,
        val_groups: CountFromOne = 50,
        test_groups: CountFromOne = 50,
        seed: Seed = 0,
        revision: str | None = None,
    ) -> None:
        pictures = Pictures(images)
        rows = read_splits(path, revision=revision, required=("train",))
        problems = [
            problem
            for number, row in enumerate((*rows["train"], *rows["test"]))
            for problem in _problems(number, row, pictures)
        ]
        test = draw(problems, MEMBERS * test_groups, seed)
        rest = _others(problems, test)
        val = draw(rest, MEMBERS * val_groups, seed)
        train = _others(rest, val)
        if not train:
            needed = val_groups + test_groups + 1
            raise ConfigError(
                f"there are {len(problems) // MEMBERS} groups; val_groups and test_groups need "
                f"{needed} or more, with one to train on"
            )
        splits = ProblemSplits(tuple(train), val, test, (), 0)
        self.name = f"{VERSION}-val{val_groups}-test{test_groups}-seed{seed}"
        self.show(splits, pictures, grade_first)

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        """The shares of questions, pictures and groups that are all right."""
        return paired_accuracies(predictions, _place)


def grade_first(target: str, said: str) -> float:
    """1 if the first answer word is the right one, else 0."""
    pattern = _FIRST["yes_no" if target.lower() in ("yes", "no") else "multiple_choice"]
    found = pattern.search(said)
    return float(found is not None and found[1].lower() == target.lower())


def _problems(number: int, row: Row, pictures: Pictures) -> Iterable[Problem]:
    """The four questions of a row: both about the first picture, then both about the second."""
    kind = row.text("Question_Type")
    if kind not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ConfigError(f"{row.where}: Question_Type is {shown(kind)}; it must be one of {known}")
    names = [pictures.name(row, f"Image_{i}") for i in (0, 1)]
    for image, question in product((0, 1), repeat=2):
        answer = row.text(f"Image_{image}_Question_{question}")
        if not _FIRST[kind].fullmatch(answer):
            raise ConfigError(f"{row.where}: {shown(answer)} is not an answer to a {kind} question")
        group = f"{VERSION}/{number:05}"
        yield Problem(
            f"{group}/{question}{image}",
            f"{row.text(f'Question_{question}')}\n{SUFFIXES[kind]}",
            answer,
            kind,
            cell=None,
            group=group,
            images=(names[image],),
        )


def _others(problems: Iterable[Problem], taken: Iterable[Problem]) -> list[Problem]:
    names = {problem.id for problem in taken}
    return [problem for problem in problems if problem.id not in names]


def _place(example: Example) -> Place:
    group, _, member = example.id.rpartition("/")
    return Place(group, int(member[0]), int(member[1]))
