"""``RejectionSampling``: the student learns from sampled answers that are graded right.

One round of rejection-sampling fine-tuning (Yuan et al. 2023, arXiv 2308.01825, section 3.3), in
each training run. Unlike there, answers are distinct as texts and not by their equations, and the
current student is sampled, not one fine-tuned on the targets first. With ``targets=False`` and
k = 1 it is STaR (Zelikman et al. 2022, arXiv 2203.14465) without rationalisation. The answers may
be a teacher model's; without targets and grades that is sequence-level distillation (Kim and Rush
2016, arXiv 1606.07947), from samples instead of the likeliest answer. What is right may be said by
a teacher model instead of the task. With a loss over pairs, the best answer to each example is
preferred to the worst (Yuan et al. 2024, arXiv 2401.10020, section 2.3, where the judge is the
student itself).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import itemgetter
from time import perf_counter
from typing import Annotated, Any, Literal

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Few, Like, Positive, Share, checked
from teachgym.streams import draw_seed
from teachgym.training.authors import Author, Draw, ModelAuthor
from teachgym.training.grader import Grader
from teachgym.training.judges import Judge, JudgedBy
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import TeacherModel, judge_of
from teachgym.types import Cost, Data, Example, TrainResult

_Scored = tuple[tuple[Example, str], float]
"""An example, an answer to it, and how good that is."""
_LEAST: Mapping[JudgedBy, float] = {"task": 1.0, "teacher": 0.5}
"""The score from which on an answer is right by default; a model is never wholly sure of one."""


@checked
@dataclass(frozen=True)
class RejectionSettings(FineTuningSettings):
    """The settings of answers and of the choice among them, besides those of fine-tuning."""

    author: Literal["student", "teacher"] = "student"
    """The writer of the answers, ``student`` or ``teacher``."""
    right: bool = True
    """Whether only right answers are trained on."""
    judge: JudgedBy = "task"
    """The judge of what is right, ``task`` or ``teacher``."""
    least: Share | None = None
    """The score from which on an answer is right, in [0, 1]; None = full marks of the task, or half
    marks of a teacher model."""
    k: Few = 8
    """Answers sampled to each prompt, >= 1."""
    temperature: Positive = 0.7
    """The temperature of the samples, > 0."""
    keep: Few = 4
    """The most distinct right answers to an example that are trained on, >= 1."""
    targets: bool = True
    """Whether the targets are trained on as well."""

    def accepts(self, score: float) -> bool:
        """Whether an answer with this score may be trained on."""
        least = _LEAST[self.judge] if self.least is None else self.least
        return score >= least or not self.right


@dataclass(frozen=True)
class RejectionSampling(Trainer[Student]):
    """Samples answers to the prompts of the data and trains on those that are judged right.

    The tokens of all samples are charged, whether they are right or not: as the student's
    generated tokens, or as the teacher's with the prompts that it reads. So is every judgement of a
    teacher model.
    """

    trainer: Trainer[Any]
    """Trains on what was selected."""
    reads: int
    """The number of times that training reads a token; it bounds the price of future answers."""
    judge: Judge
    """Tells how good answers are."""
    settings: RejectionSettings = field(default_factory=RejectionSettings)
    author: Author | None = None
    """The writer of the answers; None = the student itself."""
    pairs: bool = False
    """Whether training compares the best answer to an example with the worst."""
    stop: tuple[str, ...] = ()
    """Strings at which an answer ends."""
    told_by: TeacherModel | None = None
    """The model that reads the training data once, in the student's tokens; None = none."""

    def cost(self, student: Student, data: Data) -> Cost:
        """The price if every answer is right and of the maximum length."""
        against = " " if self.pairs else None
        blank = tuple(replace(e.with_target(""), rejected=against) for e in data)
        texts, copies = (2, 1) if self.pairs else (1, min(self.settings.k, self.settings.keep))
        longest = texts * student.max_new_tokens * len(data)
        own = self.trainer.cost(student, blank) + Cost(train_tokens=self.reads * longest)
        own += self.told_by.reading(longest) if self.told_by else Cost()
        given = self.trainer.cost(student, data) if self.settings.targets else Cost()
        said = self._author(student).bound([e.question for e in data], self.settings.k)
        judged = self.judge.bound(data, self.settings.k, student.max_new_tokens)
        return sum([own] * copies, said + judged + given)

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Sample, judge, select, train; ``rng`` decides the samples, then the training."""
        if not data:
            return TrainResult(math.nan, 0, Cost())
        started = perf_counter()
        draw = Draw(self.settings.k, self.settings.temperature, draw_seed(rng), self.stop)
        answers, said = self._author(student).write([e.question for e in data], draw)
        answered = [
            (example, text)
            for example, own in zip(data, answers, strict=True)
            for text in own
            # Text that becomes other tokens than those written could be longer than was priced.
            if student.count_tokens([text]) <= student.max_new_tokens
        ]
        scores, judged = self.judge.judge(
            tuple(e for e, _ in answered), [text for _, text in answered]
        )
        scored = list(zip(answered, scores, strict=True))
        chosen = self._paired(scored) if self.pairs else self._distinct(data, scored)
        own = data if self.settings.targets else ()
        result = self.trainer.train(student, (*own, *chosen), rng)
        cost = said + judged + replace(result.cost, seconds=perf_counter() - started)
        # Where the targets are trained on, they come first.
        return replace(result, cost=cost, losses=result.losses[: len(own)])

    def _author(self, student: Student) -> Author:
        return self.author or ModelAuthor(student, taught=True)

    def _distinct(self, data: Data, scored: Sequence[_Scored]) -> Data:
        """The first answers to each example that differ, from it too; right ones if asked."""
        seen = {(e.question.identity, e.target) for e in data} if self.settings.targets else set()
        left = {id(example): self.settings.keep for example in data}
        selected: list[Example] = []
        for (example, text), score in scored:
            key = (example.question.identity, text)
            if self.settings.accepts(score) and key not in seen and left[id(example)]:
                seen.add(key)
                left[id(example)] -= 1
                selected.append(example.with_target(text))
        return tuple(selected)

    def _paired(self, scored: Sequence[_Scored]) -> Data:
        """The best answer to each example, preferred to the worst; the first ones of those equal.

        None where all are equal, or where right ones are asked for and the best is not.
        """
        own: dict[int, list[_Scored]] = {}
        for one in scored:
            if not math.isnan(one[1]):
                own.setdefault(id(one[0][0]), []).append(one)
        selected = []
        for each in own.values():
            (example, best), most = max(each, key=itemgetter(1))
            (_, worst), fewest = min(each, key=itemgetter(1))
            if most > fewest and self.settings.accepts(most):
                selected.append(replace(example.with_target(best), rejected=worst))
        return tuple(selected)


def rejection_sampling(
    student: Student,
    *,
    grader: Grader,
    teacher_model: TeacherModel | None = None,
    **settings: Annotated[Any, Like(RejectionSettings)],
) -> RejectionSampling:
    """Trains on targets and on answers, the student's own or a teacher model's, judged right.

    With a loss over pairs, such as ``dpo``, it trains on the best answer to each example against
    the worst instead, where they differ.

    Args:
        student: a language model, whose own trainer does the training.
        grader: tells what is right.
        teacher_model: writes the answers, if it is the author, and judges them, if it is the judge.
        settings: fields of ``RejectionSettings``; those of fine-tuning are for the student's own
            trainer.

    Raises:
        ConfigError: for a student that does not read what it writes, as the simulated one, or a
            teacher model that is not there, or answers or judges nothing.
    """
    # Imported here: the registry of all trainers names this module.
    from teachgym.training import make_trainer
    from teachgym.training.fine_tuning import Supervised

    if not student.reads:
        raise ConfigError(
            f"a {type(student).__name__} learns from the number of examples and reads none, so "
            "rejection-sampling can teach it nothing; set student='tiny' or another language model"
        )
    told = RejectionSettings(**settings)
    inner = {f.name: settings[f.name] for f in fields(FineTuningSettings) if f.name in settings}
    trainer = make_trainer(student, teacher_model=teacher_model, **inner)
    if not isinstance(trainer, Supervised):
        raise ConfigError(
            "rejection-sampling trains by the own trainer of a language model, and that of a "
            f"{type(student).__name__} is a {type(trainer).__name__}; set student='tiny' or "
            "another language model"
        )
    return RejectionSampling(
        trainer,
        trainer.settings.epochs + trainer.loss.needs.references,
        judge_of(told.judge, grader, teacher_model, "rejection-sampling by the judge 'teacher'"),
        told,
        _author_of(teacher_model) if told.author == "teacher" else None,
        pairs=trainer.loss.needs.rejected,
        stop=grader.stop,
        told_by=trainer.teacher_model,
    )


def _author_of(teacher_model: TeacherModel | None) -> Author:
    """The writer of a teacher model's answers; ``ConfigError`` if there is none or it does not."""
    from teachgym.training import require_model

    require_model(teacher_model, "rejection-sampling by the author 'teacher'")
    assert teacher_model is not None
    if (writer := teacher_model.author) is None:
        raise ConfigError(
            f"{type(teacher_model).__name__} answers nothing; set "
            "trainer_settings.author='student', or another teacher_model"
        )
    return writer
