"""``qa``: your questions and answers, from files or the hub, without code."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal

from teachgym.errors import ConfigError
from teachgym.metrics import group_accuracy
from teachgym.settings import CountFromOne, Seconds, ShareBelowOne, checked
from teachgym.tasks.math_answers import RAISED_AFTER_FIGURE, read_boxed, same_value
from teachgym.tasks.math_grading import grade_answers, require_math_verify
from teachgym.tasks.problem_splits import Problem, draw
from teachgym.tasks.question_answer_files import Row, RowsTask
from teachgym.types import Example, Grade, Prediction, Score, Skill, freeze
from teachgym.wellformed import fault_of_meta

VERSION = "qa-v0"
SKILL = "questions"
"""The skill of all questions, where no column names skills."""

Grading = Literal["exact", "normalised", "numeric", "math"]

_STOP = "\n\nQuestion:"
_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*)?\.?\d+(?:[eE][-+]?\d{1,3}(?!\d))?")
_MINUS = dict.fromkeys("\u2212\uff0d", "-")
"""Signs that are read as minus."""
_ARTICLES = re.compile(r"\b(?:a|an|the)\b(?![%#+])")
_SIGNS = str.maketrans(dict.fromkeys("\u2010\u2012\u2013\u2014\u2015\u2212", "-") | {"\u2044": "/"})
_TELLING = "-./:,%#"
"""Punctuation that tells numbers and names apart in some places."""
_BETWEEN_FIGURES = re.compile(r"(?<=\d)(?:\s+(?=%)|,(?=(?:\d{2,3},)*\d{3}(?!\d)))")
"""A gap before a percent sign, and a comma of thousands."""
_MARKS = re.compile(
    rf"""
      (?<=\d) ([{_TELLING}]+) (?=\d)  # All between figures,
    | (?<=\w) (?=[{_TELLING}]) ([%\#]*) [{_TELLING}]*  # else what belongs to the word before,
    | (?=[{_TELLING}]) [{_TELLING}]*? (-?\.?) (?=\d)  # or the sign and point of a number,
    | [{_TELLING}]+  # and elsewhere nothing.
    """,
    re.VERBOSE,
)


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class QuestionAnswers(RowsTask):
    r"""Questions and answers from a JSONL, CSV or Parquet file, a folder, or the hub.

    ``test`` is the data's own, or a share of a single file; ``val`` is drawn from what is left, as
    many of each skill. There is nothing that makes more: teach with ``engine=pool`` or ``llm``.

    Raises:
        ConfigError: for files that are not there or cannot be read, a missing column, an empty
            split, a group of two skills, or a setting out of range.
        MissingExtraError: for ``math`` without its extra, or Parquet without pyarrow.
    """

    levels = (0.0,)
    stop = (_STOP,)

    question: str = "question"
    """The column of questions."""
    answer: str = "answer"
    """The column of answers, which are what is trained on."""
    skill: str | None = None
    """The column of skills; None = one skill for all."""
    grading: Grading = "normalised"
    r"""When an answer is right. ``exact``: the same characters; ``normalised``: the same words,
    whatever their case, punctuation and articles (SQuAD: Rajpurkar et al. 2016, arXiv 1606.05250,
    section 6.1), but that what is nothing else stays, and what makes another number or name, as in
    -5, 3.5, 1/2, 10% and C# (``normalise``); ``numeric``: the last number is the same to
    six decimal places, or of a right one that is smaller, to its first seven digits; ``math``: the
    ``\boxed{}`` answer, or else all of it, is equal for math-verify (extra ``math``)."""
    parts: Sequence[Grading] = ()
    """Other gradings of each answer, which are shown beside its score and do not decide it."""
    group: str | None = None
    """The column of groups, such as the passage or image that several questions are about. Groups
    are drawn whole, and the share of those that are all right is the metric ``group_accuracy``;
    None = no groups."""
    meta: Sequence[str] = ()
    """Columns whose values the examples keep, as JSON (``Example.meta``); the student does not see
    them."""
    instruction: str = "Answer the question."
    """The beginning of every prompt."""
    val_per_skill: CountFromOne = 20
    """Validation items of each skill, >= 1."""
    test_share: ShareBelowOne = 0.2
    """The share of the rows that are ``test`` where the data has none, in [0, 1)."""
    deadline: Seconds = 5.0
    """Seconds to compare one answer, > 0; of ``math``."""

    def __post_init__(self) -> None:
        if "math" in (self.grading, *self.parts):
            require_math_verify()
        rows = self.rows(required=("train",))
        train, test = (
            [self._problem(f"{VERSION}/{split}/{n:05}", split, row) for n, row in enumerate(own)]
            for split, own in rows.items()
        )
        self._groups = _groups((*train, *test)) if self.group else {}
        if not test:
            test = list(draw(train, round(self.test_share * len(train)), self.seed))
            taken = {problem.id for problem in test}
            train = [problem for problem in train if problem.id not in taken]
        if not test:
            raise ConfigError(
                f"test is empty ({self.path}); give a test split, or a larger test_share"
            )
        whole = Path(self.path).stem if isinstance(self.path, str) else "files"
        splits = self.divide(f"{VERSION}-{whole}", (train, test), self.val_per_skill)
        self.name += "-grouped" * bool(self.group)
        self.skills = tuple(map(Skill, sorted({p.skill for p in (*train, *test)})))
        self._examples = splits.examples(self._example)

    def grade(self, example: Example, response: str) -> float | Grade:
        """The score: 1 if the response is right, 0 if not, nan if it cannot be compared."""
        return self.grade_all([example], [response])[0]

    def grade_all(
        self, examples: Sequence[Example], responses: Sequence[str]
    ) -> Sequence[float | Grade]:
        """The score that ``grade`` gives for each response."""
        said = [response.partition(_STOP)[0].strip() for response in responses]
        targets = [example.target.strip() for example in examples]
        scores = self._compare(self.grading, targets, said)
        if not self.parts:
            return scores
        others = [self._compare(part, targets, said) for part in self.parts]
        parts = (dict(zip(self.parts, own, strict=True)) for own in zip(*others, strict=True))
        return list(map(Grade, scores, parts))

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        """The metric ``group_accuracy``, where there are groups."""
        if not self._groups:
            return {}
        found = group_accuracy(predictions, lambda e: self._groups.get(e.id, e.id))
        return {"group_accuracy": found}

    def _compare(
        self, grading: Grading, targets: Sequence[str], said: Sequence[str]
    ) -> Sequence[float]:
        """The score of each answer by one of the gradings."""
        if grading != "math":
            return list(map(_GRADERS[grading], targets, said))
        golds, answers = ([read_boxed(t) or t for t in texts] for texts in (targets, said))
        return grade_answers(golds, answers, deadline=self.deadline)

    def _example(self, problem: Problem) -> Example:
        return problem.example(f"{self.instruction}\n\nQuestion:\n{problem.text}\n\nAnswer:\n")

    def _problem(self, place: str, split: str, row: Row) -> Problem:
        name = SKILL if self.skill is None else row.text(self.skill)
        group = f"{split}/{row.text(self.group)}" if self.group else ""
        question, answer = row.text(self.question), row.text(self.answer)
        meta = freeze({column: row.value(column) for column in self.meta})
        if (fault := fault_of_meta(meta)) is not None:
            raise ConfigError(f"{row.where}: {fault}")
        return Problem(place, question, answer, name, cell=name, group=group, meta=meta)


def _groups(problems: Sequence[Problem]) -> dict[str, str]:
    """The group of each problem, by its id."""
    skills: dict[str, str] = {}
    for problem in problems:
        skill = skills.setdefault(problem.group, problem.skill)
        if skill != problem.skill:
            raise ConfigError(
                f"group {problem.group.partition('/')[2]!r} has questions of the skills {skill!r} "
                f"and {problem.skill!r}; groups are drawn whole, skill by skill, so give each one"
            )
    return {problem.id: problem.group for problem in problems}


def normalise(text: str) -> str:
    """The words of a text without case, punctuation and articles, unless nothing else is there.

    SQuAD's script takes away all punctuation of ASCII, so that -5 is 5 there, 3.5 is 35 and C# is
    C. Here punctuation is that of Unicode, which has other signs such as ``$`` and ``+`` apart,
    and what makes another number or name stays: signs, points, slashes, colons and commas between
    figures (except those of thousands), a sign or a point before a number, and ``%`` and ``#``
    after a word.

    Example:
        >>> [normalise(text) for text in ("The  Answer, is: 4!", "A.", "?")]
        ['answer is 4', 'a', '?']
        >>> [normalise(text) for text in ("-1,234.5.", "1/2", "F-16", "C#")]
        ['-1234.5', '1/2', 'f16', 'c#']
    """
    apart = RAISED_AFTER_FIGURE.sub(" ", text)
    plain = unicodedata.normalize("NFKC", apart).casefold().translate(_SIGNS)
    kept = (c for c in plain if c in _TELLING or not unicodedata.category(c).startswith("P"))
    words = _MARKS.sub(r"\1\2\3", _BETWEEN_FIGURES.sub("", "".join(kept)))
    forms = (" ".join(form.split()) for form in (_ARTICLES.sub(" ", words), words, plain))
    return next(filter(None, forms), "")


def _last_number(text: str) -> Decimal | None:
    """The last number of a text, in digits of any script; None if there is none."""
    figures = "".join(_MINUS.get(c) or str(unicodedata.decimal(c, c)) for c in text)
    found: list[str] = _NUMBER.findall(figures)
    return Decimal(found[-1].replace(",", "")) if found else None


def _numeric(target: str, said: str) -> float:
    wanted, found = _last_number(target), _last_number(said)
    if wanted is None or found is None:
        return math.nan if wanted is None else 0.0
    # What would be rounded to 0 is compared with its first digit before the point.
    tiny = wanted and same_value(Fraction(wanted), Fraction(0))
    scale = Fraction(10) ** (-wanted.adjusted() if tiny else 0)
    return float(same_value(Fraction(wanted) * scale, Fraction(found) * scale))


_GRADERS: Mapping[str, Callable[[str, str], float]] = {
    "exact": lambda target, said: float(target == said),
    "normalised": lambda target, said: float(normalise(target) == normalise(said)),
    "numeric": _numeric,
}
