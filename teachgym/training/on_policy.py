"""``on-policy``: the student learns from its own samples, anew for every batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch

from teachgym.errors import ConfigError
from teachgym.protocols import Student, Trainer
from teachgym.settings import Few, FewOrNone, Like, Positive, checked
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent, pool_of
from teachgym.students.texts import Texts
from teachgym.training.datum import Datum, log_diverged, plans_of
from teachgym.training.forward import token_budget
from teachgym.training.grader import Grader
from teachgym.training.groups import Group, Mean, data_of, total_of
from teachgym.training.judges import Judge, JudgedBy
from teachgym.training.losses import Loss
from teachgym.training.references import refer
from teachgym.training.revision import Reviser
from teachgym.training.rollouts import Question, Rollouts, questions_of
from teachgym.training.sampled_loss import AsSampled, noted_of
from teachgym.training.settings import FineTuningSettings, recipe
from teachgym.training.teacher_models import TeacherModel, judge_of, require_reading
from teachgym.training.updates import EagerUpdates, differentiate, score
from teachgym.types import Cost, Data, TrainResult

GRADED_RATE = 0.25
"""The share of the recipe's learning rate at which grades are learned from by default: most of
such a gradient is noise, and a full rate moves what was right already (``docs/objectives.md``)."""


@checked
@dataclass(frozen=True)
class OnPolicySettings(FineTuningSettings):
    """The settings of sampling and learning from groups, besides those of fine-tuning.

    An update is made from groups of responses to ``batch_size`` questions.
    """

    loss: Any = "grpo"
    """``grpo``; ``kdrl``: that with a teacher model as its reference; ``reverse-kl``: a teacher
    model alone (all three: ``teachgym.training.policy_losses``); ``adpa``: what sets two teacher
    models apart, and the targets; or another loss without pairs, whose targets the samples become.
    """
    k: Few = 8
    """Responses to each question: the size of a group, >= 1."""
    temperature: Positive = 1.0
    """The temperature of the samples, > 0; what is trained is the distribution at this
    temperature."""
    updates: Few = 1
    """Updates from each batch of groups, >= 1; from the second on, ratios are clipped."""
    scale_rewards: bool = True
    """Whether advantages are in standard deviations of their group; ``false`` is Dr. GRPO's."""
    mean: Mean = "responses"
    """The units of the mean: ``responses``, each the mean of its tokens (GRPO); all
    ``tokens`` alike (DAPO); or ``constant``: tokens too, as if every response were as long as it
    may be, so that long wrong ones are not favoured (Dr. GRPO)."""
    judge: JudgedBy = "task"
    """The judge whose score of a response is its reward: the ``task`` or the ``teacher`` model."""
    rescue: FewOrNone = 0
    """The most responses that make room for right targets of the data in a group that has none
    (AMPO); 0 = none."""
    revise: bool = False
    """Whether each response is put right at the token where a teacher model disagrees most, and
    goes on from there (``teachgym.training.revision``)."""


class OnPolicyTrainer(Trainer[LanguageModelStudent]):
    """Samples groups of responses, grades them, and updates the student with them.

    Nothing is dropped out, so what is trained is what sampled. The probabilities with which tokens
    were sampled come out of the first update's own pass, which has the weights that sampled
    them: they are exact, and nothing is read for them. Responses without a gradient are not read
    at all. A batch of K students is sampled and trained together, as each would be alone.

    Args:
        settings: see ``OnPolicySettings``.
        grader: tells what is right; None for a loss that is not told.
        teacher_model: what the loss follows, and the judge if one is asked for; None = none.

    Raises:
        ConfigError: for a loss over pairs, and where a grader or a teacher model is missing.
    """

    batchable = True

    def __init__(
        self,
        settings: OnPolicySettings | None = None,
        *,
        grader: Grader | None = None,
        teacher_model: TeacherModel | None = None,
    ) -> None:
        self.settings = settings or OnPolicySettings()
        self.loss = self.settings.make_loss()
        self.grader, self.teacher_model = grader, teacher_model
        _require_parts(self.loss, self.settings, grader, teacher_model)
        self.judge: Judge | None = None
        if grader is not None and (self.loss.needs.graded or self.settings.rescue):
            who = "on-policy training by judge='teacher'"
            self.judge = judge_of(self.settings.judge, grader, teacher_model, who)

    def cost(self, student: LanguageModelStudent, data: Data) -> Cost:
        """The price if each response has the maximum length and a gradient."""
        needs, settings, longest = self.loss.needs, self.settings, student.max_new_tokens
        asked = [q for e in data for q in self._questions(student.texts, (e,), longest)]
        lengths, count = [len(q.ids) + longest for q in asked], settings.k * settings.epochs
        n_texts = count + needs.imitated * settings.epochs
        refers = needs.references and not needs.guided
        revised = settings.revise * count
        reads = (settings.updates + refers) * n_texts + (settings.rescue > 0) * settings.epochs
        read = (needs.guided or needs.teacher) * n_texts + revised
        told = self._reading(read * sum(lengths))
        # An answer of full length has no end, and a judge that reads it adds one.
        judged = self.judge.bound(data, count, longest + 1) if self.judge else Cost()
        own = Cost(
            train_tokens=(reads + revised) * sum(lengths),
            generated_tokens=(count + revised) * longest * len(lengths),
        )
        return judged + told + own

    def reviser(self, pool: StudentPool) -> Reviser | None:
        """The reviser of the samples of a pool's students; None = none."""
        if not self.settings.revise:
            return None
        assert self.teacher_model is not None, "required where samples are revised"
        stop = self.grader.stop if self.grader and self.judge else ()
        return Reviser(pool, self.teacher_model, self.settings.temperature, stop)

    def _reading(self, n_tokens: int) -> Cost:
        """The price if the teacher model reads so many tokens."""
        return self.teacher_model.reading(n_tokens) if n_tokens and self.teacher_model else Cost()

    def train(
        self, student: LanguageModelStudent, data: Data, rng: np.random.Generator
    ) -> TrainResult:
        """Update the student in place; ``rng`` decides the order of questions and the samples."""
        return self.train_together([student], [data], [rng])[0]

    def train_together(
        self,
        students: Sequence[LanguageModelStudent],
        data: Sequence[Data],
        rngs: Sequence[np.random.Generator],
    ) -> list[TrainResult]:
        """Train students of one pool, each on its own data, as ``train`` would one by one.

        Raises:
            ConfigError: for students of different pools.
        """
        pool = pool_of(students)
        started = perf_counter()
        asked = [self._questions(pool.texts, own, pool.max_new_tokens) for own in data]
        places = [student.index for student in students]
        plans, seeds = plans_of(places, asked, self.settings, rngs, count=pool.count)
        run = _Run(self, pool, plans, seeds)
        with pool.threads():
            try:
                for step in range(run.n_steps):
                    run.make(step)
            finally:
                pool.network.model.zero_grad()
        seconds = (perf_counter() - started) / len(students)
        return [run.result(s.index, seconds if plans[s.index] else 0.0) for s in students]

    def _questions(self, texts: Texts, data: Data, room: int) -> list[Question]:
        return questions_of(texts, data, room=room, graded=self.loss.needs.graded)


class _Run:
    """One training run of a pool's students.

    Args:
        trainer: what is done.
        pool: of the students.
        plans: the questions of each batch of each student.
        seeds: of each student's samples.
    """

    def __init__(
        self,
        trainer: OnPolicyTrainer,
        pool: StudentPool,
        plans: Sequence[Sequence[list[Question]]],
        seeds: Sequence[int],
    ) -> None:
        self._settings, self._loss = trainer.settings, trainer.loss
        self._teacher_model = trainer.teacher_model
        self._pool, self._plans = pool, plans
        self._budget = token_budget(pool.network.device, trainer.settings.token_budget)
        self.n_steps = max(map(len, plans))
        self._totals = [len(plan) * self._settings.updates for plan in plans]
        self._rollouts = Rollouts(
            pool,
            trainer.grader if trainer.judge else None,
            seeds,
            k=self._settings.k,
            temperature=self._settings.temperature,
            rescue=self._settings.rescue,
            imitated=self._loss.needs.imitated,
            judge=trainer.judge,
            reviser=trainer.reviser(pool),
        )
        self._updates = EagerUpdates(pool, self._settings, self._totals, self._loss)
        needs = self._loss.needs
        refers = needs.references and not needs.guided
        self._start = [pool.save(k) for k in range(pool.count)] if refers else []
        self._costs = [Cost()] * pool.count
        self._losses = torch.zeros(pool.count, dtype=torch.float64)

    def make(self, step: int) -> None:
        """Sample the groups of batch ``step`` of each student, and make its updates."""
        now = [plan[step] if step < len(plan) else [] for plan in self._plans]
        groups = self._rollouts.draw(now, step)
        data = self._told(self._data(groups, step))
        totals = [total_of(g, self._settings.mean, self._pool.max_new_tokens) for g in groups]
        for number in range(self._settings.updates):
            data = self._update(step * self._settings.updates + number, data, totals)

    def result(self, student: int, seconds: float) -> TrainResult:
        """The report on one student's training; the loss is the mean over its updates."""
        total, rollouts = self._totals[student], self._rollouts
        log_diverged(w.values[student] for w in self._pool.weights)
        cost = self._costs[student] + rollouts.judged[student]
        cost += Cost(
            train_tokens=rollouts.read[student],
            generated_tokens=rollouts.generated[student],
            seconds=seconds,
        )
        return TrainResult(float(self._losses[student]) / total if total else math.nan, total, cost)

    def _data(self, groups: Sequence[Sequence[Group]], step: int) -> list[list[Datum]]:
        """The data that have a gradient, student by student."""
        return [
            data_of(
                own,
                self._loss,
                scaled=self._settings.scale_rewards,
                mean=self._settings.mean,
                progress=step / max(len(plan) - 1, 1),
            )
            for own, plan in zip(groups, self._plans, strict=True)
        ]

    def _told(self, data: list[list[Datum]]) -> list[list[Datum]]:
        """The data with all that the loss must be told by the reference or a teacher model."""
        needs, model, texts = self._loss.needs, self._teacher_model, self._pool.texts
        if not (needs.references or needs.teacher):
            return data
        asked = [[d for d in own if d.sampled is None or d.sampled.pull] for own in data]
        heat = self._settings.temperature
        if needs.references and not needs.guided:
            told = self._referred(asked)
            costs = [Cost(train_tokens=sum(d.n_tokens for d in own)) for own in asked]
        else:
            assert model is not None, "required where a loss follows one"
            # Losses divide logits that are divided by the heat already; ratios are no distribution.
            warm = needs if needs.ratios else replace(needs, temperature=needs.temperature * heat)
            told = [
                model.read(texts, own, warm) if needs.teacher else model.score(texts, own, heat)
                for own in asked
            ]
            costs = [model.cost(own, needs) for own in asked]
        self._costs = [all_ + own for all_, own in zip(self._costs, costs, strict=True)]
        return _replaced(data, asked, told)

    def _referred(self, data: list[list[Datum]]) -> list[list[Datum]]:
        """The data with what the students as they were at the start thought of it."""
        pool, heat = self._pool, self._settings.temperature
        now = [pool.save(k) for k in range(pool.count)]
        for student, checkpoint in enumerate(self._start):
            pool.restore(student, checkpoint)
        scored = partial(score, pool, self._budget, temperature=heat)
        referred = refer([[own] for own in data], 1, self._loss.needs, scored)
        for student, checkpoint in enumerate(now):
            pool.restore(student, checkpoint)
        return [list(batch) for (batch,) in referred]

    def _update(
        self, number: int, data: list[list[Datum]], totals: Sequence[float]
    ) -> list[list[Datum]]:
        """Make update ``number``; the data for the next one from the same groups."""
        noted: list[torch.Tensor] = []
        loss = AsSampled(self._loss, self._settings.temperature, noted)
        self._losses += differentiate(self._pool, data, loss, self._budget, totals=totals).cpu()
        self._updates.apply(number)
        for student, own in enumerate(data):
            self._costs[student] += Cost(train_tokens=sum(d.n_tokens for d in own))
        first, more = number % self._settings.updates == 0, self._settings.updates > 1
        return self._remembered(data, noted) if first and more else data

    def _remembered(
        self, data: list[list[Datum]], noted: Sequence[torch.Tensor]
    ) -> list[list[Datum]]:
        """The samples with the log-probabilities that a pass over them has noted."""
        order, known = [], []
        for datum, own in noted_of(data, noted, self._budget):
            order.append(datum)
            sampled = datum.sampled and replace(datum.sampled, logprobs=own)
            known.append(replace(datum, sampled=sampled))
        return _replaced(data, [order], [known])


def _replaced(
    data: Sequence[Sequence[Datum]],
    old: Sequence[Sequence[Datum]],
    new: Sequence[Sequence[Datum]],
) -> list[list[Datum]]:
    """The data with the ``old`` ones replaced by the ``new``."""
    pairs = zip(chain(*old), chain(*new), strict=True)
    known = {id(before): after for before, after in pairs}
    return [[known.get(id(d), d) for d in own] for own in data]


def _require_parts(
    loss: Loss,
    settings: OnPolicySettings,
    grader: Grader | None,
    teacher_model: TeacherModel | None,
) -> None:
    """Raise ``ConfigError`` for a loss over several texts, or without what it must be told."""
    needs, name = loss.needs, type(loss).__name__
    if needs.rejected or needs.contrast or needs.joint or needs.pieces:
        raise ConfigError(
            f"{name} needs more than single responses, and these are what is sampled; set "
            "trainer_settings.loss='grpo', or trainer='auto'"
        )
    if grader is None and (needs.graded or settings.rescue):
        raise ConfigError(f"{name} needs the score of each response; give the task")
    if settings.revise and (teacher_model is None or teacher_model.ratios):
        raise ConfigError(
            "revise asks a teacher model for probabilities; set teacher_model to a language model, "
            "such as 'tiny'"
        )
    follows = needs.guided or needs.teacher or settings.revise
    if teacher_model is None and follows:
        raise ConfigError(
            f"{name} needs a teacher model; set teacher_model, or trainer_settings.loss='grpo'"
        )
    if teacher_model is not None and follows:
        require_reading(teacher_model, loss)


def on_policy(
    student: Student,
    *,
    grader: Grader | None = None,
    teacher_model: TeacherModel | None = None,
    **settings: Annotated[Any, Like(OnPolicySettings)],
) -> OnPolicyTrainer:
    """Trains a student on its own samples: GRPO, KDRL, on-policy distillation.

    Args:
        student: of the ``local`` or ``vllm`` backend.
        grader: tells what is right; needed by losses that are told.
        teacher_model: needed by losses that follow one, and by ``judge='teacher'``.
        settings: fields of ``OnPolicySettings`` that differ from the recipe of its size, and from
            ``GRADED_RATE`` of its learning rate for a loss that is told what is right.

    Raises:
        ConfigError: for another kind of student, a setting that is out of range, or a loss that
            lacks the task or the teacher model.
    """
    if not isinstance(student, LanguageModelStudent):
        raise ConfigError(
            f"trainer 'on-policy' cannot train a {type(student).__name__}; set student='tiny' or "
            "another language model of the local backend"
        )
    usual = vars(recipe(student.pool.n_parameters, student.pool.lora))
    own = {"loss": OnPolicySettings.loss, "loss_settings": {}}
    chosen = OnPolicySettings(**{**usual, **own, **settings})
    if "learning_rate" not in settings and chosen.make_loss().needs.graded:
        chosen = replace(chosen, learning_rate=GRADED_RATE * chosen.learning_rate)
    return OnPolicyTrainer(chosen, grader=grader, teacher_model=teacher_model)
