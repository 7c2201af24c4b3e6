"""``Reviser``: samples are put right where a teacher model disagrees most, and go on from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from teachgym.students.local.generation import rules_for
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.sampling import Asked, ended, sample_tokens
from teachgym.training.forward import token_budget
from teachgym.training.groups import Group, Response
from teachgym.training.losses import Needs, TopK
from teachgym.training.teacher_models import TeacherModel
from teachgym.training.updates import score
from teachgym.types import Cost

_LEAST = 1e-3
"""Nats by which a token has to be likelier to the student than to the teacher model."""

Drawn = list[list[list[list[int]]]]
"""The tokens of each answer to each question of each student."""


@dataclass(frozen=True, slots=True)
class Reviser:
    """Corrects sequences and lets the student write them anew from the correction on (SCRG).

    The first part of multi-granularity semantic revision (arXiv 2407.10068): the error of a sample
    is the token whose probability the student puts highest above the teacher model's. The teacher
    model's likeliest token comes in its place, and the student goes on after it. A sample in which
    the teacher model would say the same everywhere, or at no place finds a token less likely than
    the student does, stays. Differences: a sample is revised once; disagreement is a difference of
    log-probabilities of the sampled token.
    """

    pool: StudentPool
    model: TeacherModel
    temperature: float
    """The temperature of the samples."""
    stop: Sequence[str] = ()
    """Strings that end an answer."""

    def revise(
        self, asked: Sequence[Sequence[Asked]], drawn: Drawn
    ) -> tuple[Drawn, list[list[int]], list[Cost]]:
        """The revised answers, the tokens newly sampled for each, and the price for each student.

        Args:
            asked: the questions of each student.
            drawn: its answers to them, ``drawn[s][q][number]``.
        """
        data = [
            [Group(q.ids, ()).datum(Response(tuple(ids))) for q, own in each for ids in own]
            for each in (zip(*of_one, strict=True) for of_one in zip(asked, drawn, strict=True))
        ]
        needs = Needs(teacher=True, temperature=self.temperature)
        budget = token_budget(self.pool.network.device)
        scored = score(self.pool, budget, data, temperature=self.temperature)
        own = {id(datum): logprobs for datum, logprobs in scored}
        told = [self.model.read(self.pool.texts, of_one, needs) for of_one in data]
        prefixes = [
            [
                corrected(d.texts[0].ids[-d.n_rows :], own[id(d)], t.teacher)
                for d, t in zip(of_one, of_teacher, strict=True)
            ]
            for of_one, of_teacher in zip(data, told, strict=True)
        ]
        costs = [
            self.model.cost(of_one, needs) + Cost(train_tokens=sum(d.n_tokens for d in of_one))
            for of_one in data
        ]
        return *self._gone_on(asked, drawn, prefixes), costs

    def _gone_on(
        self,
        asked: Sequence[Sequence[Asked]],
        drawn: Drawn,
        prefixes: Sequence[Sequence[tuple[int, ...] | None]],
    ) -> tuple[Drawn, list[list[int]]]:
        """The answers from their corrections on, and how many tokens were sampled for each."""
        most, pool = self.pool.max_new_tokens, self.pool
        rules = rules_for(pool.texts, pool.network.n_tokens, stop=self.stop)
        open_, places = list[list[Asked]](), list[list[int]]()
        for questions, answers, of_one in zip(asked, drawn, prefixes, strict=True):
            names = _numbered(questions, answers)
            going = [
                (place, Asked((*q.ids, *prefix), q.seed, name, most - len(prefix)))
                for place, ((q, name), prefix) in enumerate(zip(names, of_one, strict=True))
                if prefix and len(prefix) < most and not rules.complete(prefix)
            ]
            places.append([place for place, _ in going])
            open_.append([one for _, one in going])
        more = sample_tokens(pool, open_, k=1, temperature=self.temperature, stop=self.stop)
        revised, sampled = [], []
        for answers, of_one, where, found in zip(drawn, prefixes, places, more, strict=True):
            after = {place: ids for place, (ids,) in zip(where, found, strict=True)}
            flat = [ids for own in answers for ids in own]
            whole = iter(
                ended([*prefix, *after.get(place, [])], rules) if prefix else ids
                for place, (ids, prefix) in enumerate(zip(flat, of_one, strict=True))
            )
            revised.append([[next(whole) for _ in own] for own in answers])
            sampled.append([len(ids) for ids in after.values()])
        return revised, sampled


def _numbered(
    questions: Sequence[Asked], answers: Sequence[Sequence[Sequence[int]]]
) -> Iterator[tuple[Asked, str]]:
    """The question of each answer, with the name of what is sampled after its correction."""
    for question, own in zip(questions, answers, strict=True):
        for number in range(len(own)):
            yield question, f"{question.name} revised {number}"


def corrected(ids: Sequence[int], own: torch.Tensor, told: TopK | None) -> tuple[int, ...] | None:
    """The answer up to its error, with the teacher model's token in its place; None without one.

    Args:
        ids: of the answer, n tokens.
        own: the student's log-probabilities of them, shape (n,).
        told: the teacher model's likeliest tokens at each.
    """
    assert told is not None
    labels = torch.tensor(ids)[:, None]
    best = told.ids.gather(1, told.logprobs.argmax(1, keepdim=True))  # (n, 1)
    is_label = told.ids == labels
    known = torch.where(is_label, told.logprobs, -torch.inf).amax(1)
    apart = own - torch.where(is_label.any(1), known, told.rest)
    apart = torch.where(best[:, 0] == labels[:, 0], -torch.inf, apart)
    place = int(apart.argmax())
    return (*ids[:place], int(best[place])) if apart[place] > _LEAST else None
