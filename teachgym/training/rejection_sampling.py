"""``RejectionSampling``: the student learns from sampled answers that are graded right.

One round of rejection-sampling fine-tuning (Yuan et al. 2023, arXiv 2308.01825, section 3.3), in
each training run. Unlike there, answers are distinct as texts and not by their equations, and the
current student is sampled, not one fine-tuned on the targets first. With ``targets=False`` and
k = 1 it is STaR (Zelikman et al. 2022, arXiv 2203.14465) without rationalisation. The answers may
be a teacher model's; without targets and grades that is sequence-level distillation (Kim and Rush
2016, arXiv 1606.07947), from samples instead of the likeliest answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Annotated, Any, Literal

import numpy as np

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Few, Like, Positive
from teachgym.training.grader import Grader
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import TeacherModel
from teachgym.types import Cost, Data, Example, TrainResult


@dataclass(frozen=True)
class RejectionSampling(Trainer[Student]):
    """Samples answers to the prompts of the data and trains on those that are graded right.

    The tokens of all samples are charged, whether they are right or not: as the student's
    generated tokens, or as the teacher's with the prompts that it reads.
    """

    trainer: Trainer[Any]
    """Trains on what was selected."""
    reads: int
    """How often training reads a token, which bounds the price of answers not yet written."""
    grader: Grader
    """Tells what is right."""
    k: int = 8
    """Answers sampled to each prompt."""
    temperature: float = 0.7
    """Of the samples."""
    keep: int = 4
    """The most distinct right answers to an example that are trained on."""
    targets: bool = True
    """Whether the targets are trained on as well."""
    author: Student | None = None
    """Who writes the answers; None = the student itself."""
    right: bool = True
    """Whether only right answers are trained on."""

    def cost(self, student: Student, data: Data) -> Cost:
        """The price if every answer is right and has the maximum length."""
        blank = tuple(e.with_target("") for e in data)
        longest = self.reads * student.max_new_tokens * len(data)
        own = self.trainer.cost(student, blank).train_tokens + longest
        given = self.trainer.cost(student, data).train_tokens if self.targets else 0
        written = self._price(student, data, self._longest(student, data))
        return written + Cost(train_tokens=given + min(self.k, self.keep) * own)

    def _longest(self, student: Student, data: Data) -> int:
        """The most tokens that all answers can have."""
        return self.k * (self.author or student).max_new_tokens * len(data)

    def _price(self, student: Student, data: Data, tokens: int) -> Cost:
        """What the answers cost if they have that many tokens."""
        if self.author is None:
            return Cost(generated_tokens=tokens)
        read = self.author.count_tokens([e.question.transcript for e in data])
        calls = self.k * len(data)
        return Cost(teacher_calls=calls, teacher_tokens_in=read, teacher_tokens_out=tokens)

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Sample, grade, select, train; ``rng`` decides the samples, then the training."""
        if not data:
            return TrainResult(math.nan, 0, Cost())
        started = perf_counter()
        prompts, seed = [e.question for e in data], int(rng.integers(2**31))
        author = self.author or student
        samples = author.sample(
            prompts, k=self.k, temperature=self.temperature, seed=seed, stop=self.grader.stop
        )
        tokens = author.count_tokens([text for own in samples for text in own])
        selected = self._select(student, data, samples)
        result = self.trainer.train(student, selected, rng)
        written = self._price(student, data, min(tokens, self._longest(student, data)))
        cost = written + replace(result.cost, seconds=perf_counter() - started)
        # Where the targets are trained on, they come first.
        return replace(result, cost=cost, losses=result.losses[: len(data)] if self.targets else ())

    def _select(self, student: Student, data: Data, samples: Sequence[Sequence[str]]) -> Data:
        """The targets, then for each example the first distinct answers, right ones if asked."""
        answered = [
            (example, text) for example, own in zip(data, samples, strict=True) for text in own
        ]
        scores = self.grader.grade([e for e, _ in answered], [text for _, text in answered])
        seen = {(e.question.identity, e.target) for e in data} if self.targets else set()
        left = {id(example): self.keep for example in data}
        selected: list[Example] = list(data) if self.targets else []
        for (example, text), score in zip(answered, scores, strict=True):
            key = (example.question.identity, text)
            # Text that becomes other tokens than those written could be longer than was priced.
            short = student.count_tokens([text]) <= student.max_new_tokens
            if (score >= 1 or not self.right) and short and key not in seen and left[id(example)]:
                seen.add(key)
                left[id(example)] -= 1
                selected.append(example.with_target(text))
        return tuple(selected)


def rejection_sampling(
    student: Student,
    *,
    grader: Grader,
    teacher_model: TeacherModel | None = None,
    author: Literal["student", "teacher"] = "student",
    right: bool = True,
    k: Few = 8,
    temperature: Positive = 0.7,
    keep: Few = 4,
    targets: bool = True,
    **settings: Annotated[Any, Like(FineTuningSettings)],
) -> RejectionSampling:
    """Trains on targets and on right answers of the student or of a teacher model.

    Args:
        student: a language model, whose own trainer does the training.
        grader: tells what is right.
        teacher_model: writes the answers, if it is the author.
        author: who writes the answers, ``student`` or ``teacher``.
        right: whether only right answers are trained on.
        k: answers sampled to each prompt, >= 1.
        temperature: of the samples, > 0.
        keep: the most distinct right answers to an example that are trained on, >= 1.
        targets: whether the targets are trained on as well.
        settings: of the student's own trainer.

    Raises:
        ConfigError: for a student that does not read what it writes, as the simulated one, or a
            teacher model that is not there or answers nothing.
    """
    # Imported here: the registry of all trainers names this module.
    from teachgym.training import make_trainer, require_model

    if not student.reads:
        raise ConfigError(
            f"a {type(student).__name__} learns from the number of examples and reads none, so "
            "rejection-sampling can teach it nothing; set student='tiny' or another language model"
        )
    writer = None
    if author == "teacher":
        require_model(teacher_model, "rejection-sampling by the author 'teacher'")
        assert teacher_model is not None
        if (writer := teacher_model.author) is None:
            raise ConfigError(
                f"{type(teacher_model).__name__} answers nothing; set "
                "trainer_settings.author='student', or another teacher_model"
            )
    trainer: Any = make_trainer(student, teacher_model=teacher_model, **settings)
    reads = trainer.settings.epochs + trainer.loss.needs.references
    return RejectionSampling(trainer, reads, grader, k, temperature, keep, targets, writer, right)
