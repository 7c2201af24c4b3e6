"""``Writer``: turns orders into examples by a chat model, in every domain.

All orders go forward together, in rounds: one call for each order that still lacks examples, then
the calls for solutions, then the checks. What is wrong with an item costs that item alone, and
the next round asks for another. Needs the extra ``llm``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from teachgym.chat.prices import estimate_tokens
from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.engines.examiner import Examiner, Unverified
from teachgym.engines.orders import divide, leaves_under, signed
from teachgym.engines.pool import PoolEngine
from teachgym.engines.writer_settings import WriterSettings
from teachgym.engines.written import Fields, item_type, problem_fields, solution_fields
from teachgym.gate import normalise
from teachgym.streams import Streams, draw_seed
from teachgym.syllabus import Syllabus
from teachgym.types import Data, Example, Messages, Order, Plan, Provenance

__all__ = ["Writer", "WriterSettings", "in_words", "newest"]

_LEVELS = ("very easy", "easy", "medium", "hard", "very hard")


class Writer:
    """Lets a chat model write training data for a task.

    An order for a skill with subskills is divided evenly among its leaves, as by every engine.
    One with a subskill of its own is not, because that is one thing already: its examples carry
    the first leaf under the order's skill, and the subskill in their provenance.

    Incidents, besides those of ``StructuredChat``: ``bad-draft`` (the task cannot give it its
    form),
    ``duplicate`` (of a problem in this batch or an example shown), ``unsolved`` (no usable
    solution), ``disagreement`` (the votes), ``not-wrong`` (a wrong response that is right or
    cannot be graded: the example stays, without it), ``unverified``, ``short`` (an order that
    did not get all its examples).

    Args:
        syllabus: the task, without its held-out splits.
        asker: asks the chat model, and pays.
        settings: how to write.
    """

    name = "llm"

    def __init__(
        self, syllabus: Syllabus, asker: StructuredChat, settings: WriterSettings | None = None
    ) -> None:
        self.syllabus, self.asker = syllabus, asker
        self.settings = settings or WriterSettings()
        self._skills = {skill.name: skill for skill in syllabus.skills}
        self._leaves = leaves_under(syllabus.skills)
        self._pool = PoolEngine(syllabus.skills, syllabus.train)
        # Among votes there are wrong solutions anyway; nobody needs to make one up.
        wrong = self.settings.rejected and self.settings.votes == 1
        self._solution = solution_fields(syllabus.brief, wrong=wrong)
        self._problem = problem_fields(syllabus.brief)
        if self.settings.stages == 1:
            self._problem = {**self._problem, **self._solution}

    def write(self, orders: Sequence[Order], rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, in the order of the orders.

        When nothing is left to pay with, or no more calls get through, it is what there is.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
            ChatError: if no call got through and there is nothing at all.
        """
        streams = Streams(rng)
        jobs = [job for order in orders for job in self._jobs(order, streams)]
        batch = _Batch()
        while waiting := [job for job in jobs if job.missing and job.calls]:
            needed = not any(job.made for job in jobs)
            if not self._write_round(waiting, batch, needed) or self.asker.meter.exhausted():
                break
        for job in jobs:
            if job.missing:
                self.asker.note("short", f"{len(job.made)} of {job.count} written for {job.topic}")
        return tuple(example for job in jobs for example in job.made)

    def _jobs(self, order: Order, streams: Streams) -> Iterator[_Job]:
        """The order's parts, one for each leaf."""
        parts = list(divide(order, self._leaves, streams))
        if order.subskill:
            parts = [(parts[0][0], order.count)]
        for leaf, count in parts:
            calls = math.ceil(count / self.settings.per_call) + self.settings.refills
            rng = streams.of(leaf, order.difficulty, order.subskill)
            yield _Job(order, leaf, count, calls, rng)

    def _write_round(self, jobs: Sequence[_Job], batch: _Batch, needed: bool) -> bool:
        """One more call for each job, and what comes of it; False if no call got through."""
        calls = [self._call(job, batch) for job in jobs]
        questions = [question for _, question in calls]
        replies = self.asker.ask(questions, item_type(self._problem), needed=needed)
        written: list[_Written] = []
        for job, (shown, _), items in zip(jobs, calls, replies, strict=bool(replies)):
            new = self._new((item.model_dump() for item in items), batch)
            for filled in islice(new, job.missing):
                batch.problems.setdefault(job.leaf, []).append(filled["problem"])
                written.append(_Written(job, shown, filled))
        for one, solutions in zip(written, self._solve(written, needed), strict=True):
            if (example := self._finish(one, solutions)) is not None:
                one.job.made.append(example)
        return bool(replies)

    def _new(self, items: Iterable[Fields], batch: _Batch) -> Iterator[Fields]:
        """The items whose problem was not in the batch before."""
        for item in items:
            problem = normalise(item["problem"])
            if problem in batch.known and self.settings.style != "answer":
                self.asker.note("duplicate", f"{problem!r:.200} was written before")
            else:
                batch.known.add(problem)
                yield item

    def _call(self, job: _Job, batch: _Batch) -> tuple[Data, ChatRequest]:
        """The examples that the next call for a job shows, and its question."""
        job.calls -= 1
        seeds, shots = self._shown(job)
        messages = self._render(
            "write",
            count=min(job.missing, self.settings.per_call),
            skill=self._skills[job.topic],
            subskill=job.order.subskill,
            hint=job.order.hint,
            difficulty=in_words(job.order.difficulty),
            seeds=seeds,
            shots=shots,
            style=self.settings.style,
            shows_wrong=self.settings.shows_wrong,
            describe=self.syllabus.describe,
            written=newest(batch.problems.get(job.leaf, ()), self.settings.shown_tokens),
            fields=self._problem,
        )
        return seeds + shots, ChatRequest(messages, draw_seed(job.rng))

    def _shown(self, job: _Job) -> tuple[Data, Data]:
        """Training examples to vary, and others of the skill, nearest in difficulty."""
        order, most = job.order, self.settings.per_call
        seeds = list(self._pool.named(order))
        if len(seeds) > most:
            seeds = [seeds[i] for i in job.rng.permutation(len(seeds))[:most]]
        elif not seeds and self.settings.style != "new":
            wanted = Order(job.topic, min(job.missing, most), order.difficulty)
            seeds = list(self._pool.generate(Plan((wanted,)), job.rng))
        wanted = Order(job.topic, max(0, self.settings.shots - len(seeds)), order.difficulty)
        drawn = self._pool.generate(Plan((wanted,)), job.rng)
        own = {*order.seeds, *(seed.id for seed in seeds)}
        return tuple(seeds), tuple(shot for shot in drawn if shot.id not in own)

    def _solve(self, written: Sequence[_Written], needed: bool) -> list[list[Fields]]:
        """The solutions to each problem; its own is the first if it came with one."""
        own = [[one.filled] if self.settings.stages == 1 else [] for one in written]
        draws = self.settings.votes - (self.settings.stages == 1)
        questions = [
            ChatRequest(self._solving(one), draw_seed(one.job.rng))
            for one in written
            for _ in range(draws)
        ]
        replies = iter(self.asker.ask(questions, item_type(self._solution), needed=needed))
        # A call is one vote, however many solutions the model gives.
        return [
            solutions + [items[0].model_dump() for items in islice(replies, draws) if items]
            for solutions in own
        ]

    def _solving(self, one: _Written) -> Messages:
        return self._render(
            "solve",
            problem=one.filled["problem"],
            skill=self._skills[one.job.topic],
            shots=one.shown,
            plan="",
            fields=self._solution,
        )

    def _finish(self, one: _Written, solutions: Sequence[Fields]) -> Example | None:
        """The example, checked and signed; None if it cannot be used."""
        job, shown, order, note = one.job, one.shown, one.job.order, self.asker.note
        examiner = Examiner(self.syllabus, self.settings, note, job.leaf, order.difficulty)
        example = examiner.examine(one.filled, solutions, shown)
        for _ in range(self.settings.repairs):
            if not isinstance(example, Unverified) or (mended := self._mend(one, example)) is None:
                break
            one = mended
            example = examiner.examine(one.filled, [one.filled], shown)
        if not isinstance(example, Example):
            return None
        origin = Provenance(
            seeds=tuple(other.id for other in shown if other.id),
            teacher=self.name,
            hint=order.hint,
        )
        return signed(replace(example, provenance=origin), order, self.name)

    def _mend(self, one: _Written, found: Unverified) -> _Written | None:
        """The item as the chat model wrote it again, told what was wrong; None if it did not."""
        fields = {name: text for name, text in self._problem.items() if name != "problem"}
        fields |= self._solution
        messages = self._render(
            "mend",
            item={"problem": one.filled["problem"], **{n: one.filled[n] for n in fields}},
            log=found.log or "The answer is not right.",
            skill=self._skills[one.job.topic],
            fields=fields,
        )
        question = ChatRequest(messages, draw_seed(one.job.rng))
        for items in self.asker.ask([question], item_type(fields), needed=False):
            if items:
                return replace(one, filled={**one.filled, **items[0].model_dump()})
        return None

    def _render(self, name: str, **variables: object) -> Messages:
        return render("teachgym.engines", name, brief=self.syllabus.brief, **variables)


# -- a batch in the making -----------------------------------------------------------------


@dataclass
class _Job:
    """The part of an order that is for one leaf."""

    order: Order
    leaf: str
    count: int
    calls: int
    """Calls that may still be made for it."""
    rng: np.random.Generator
    """Decides what is shown and which draw is asked for; no other skill's draws matter."""
    made: list[Example] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.count - len(self.made)

    @property
    def topic(self) -> str:
        """The skill to write about: the order's own where a subskill says which part of it."""
        return self.order.skill if self.order.subskill else self.leaf


@dataclass
class _Batch:
    """The texts of one call of ``write``, usable or not."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    """Per leaf, oldest first."""
    known: set[str] = field(default_factory=set)
    """All of them, normalised."""


@dataclass(frozen=True)
class _Written:
    """A problem as it came from a call, with its solution if it came with one."""

    job: _Job
    shown: Data
    """The training examples that the call showed."""
    filled: Fields


# -- small rules ---------------------------------------------------------------------------


def in_words(difficulty: float | None) -> str:
    """A difficulty in [0, 1] in words, in five equal bands; empty for None.

    Example:
        >>> in_words(0.75)
        'hard (0.75, where 0 is the easiest and 1 the hardest there is)'
    """
    if difficulty is None:
        return ""
    level = _LEVELS[min(int(difficulty * len(_LEVELS)), len(_LEVELS) - 1)]
    return f"{level} ({difficulty:.2g}, where 0 is the easiest and 1 the hardest there is)"


def newest(texts: Sequence[str], tokens: int) -> list[str]:
    """The last texts that fit into ``tokens`` together, by ``estimate_tokens``, oldest first.

    Example:
        >>> newest(["one", "two", "three"], 3)
        ['two', 'three']
    """
    kept: list[str] = []
    for text in reversed(texts):
        tokens -= estimate_tokens(text)
        if tokens < 0:
            break
        kept.insert(0, text)
    return kept
