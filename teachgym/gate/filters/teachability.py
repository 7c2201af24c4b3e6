"""``teachability``: chooses examples that help the student with sibling problems when read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from teachgym.gate.filters.filter import (
    Asking,
    Memory,
    all_but_highest,
    require_single_answers,
)
from teachgym.protocols import Probes, Task
from teachgym.settings import Few, ShareAboveZero, checked
from teachgym.streams import Streams
from teachgym.types import EXERCISE, Data, Example, leaf_skills, score_of


@checked
@dataclass(frozen=True, slots=True)
class Teachability(Asking):
    """Keeps the examples that help the student most in an exam, as its only worked example.

    The LbT score of Learning by Teaching (Ning et al. 2024, arXiv 2406.14629, section 3, M1): the
    accuracy on a few sibling problems of a student that reads problem and rationale before each.
    Differences: siblings are other exercises of the skill and level, which the task makes or its
    ``train`` holds, where the paper has variants of one problem; the student answers greedily and
    once, where the paper draws three answers at temperature 0.7; the score chooses examples for
    training, where it elects the teacher's answer. It takes a student that learns from what it
    reads: of one trained from scratch, such as ``tiny``, the score is noise.

    Raises:
        ConfigError: for a task that answers back.
    """

    task: Task
    exams: Few = 3
    """Sibling problems for each example, >= 1; the answers' tokens are charged."""
    share: ShareAboveZero = 0.5
    """The share of each skill's examples, rounded up, in (0, 1]."""
    related: bool = True
    """Whether exams are sibling problems; False = of other skills, which the paper finds to tell
    nothing of a rationale."""

    def __post_init__(self) -> None:
        require_single_answers(self.task)

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``; auxiliary text and examples without siblings stay."""
        scores = self.scores(data, probes, rng)
        scored = [place for place, score in enumerate(scores) if score is not None]
        found = [score for score in scores if score is not None]
        skills = [data[place].skill for place in scored]
        faults: list[str | None] = [None] * len(data)
        told = all_but_highest(found, self.share, "teachability", skills)
        for place, fault in zip(scored, told, strict=True):
            faults[place] = fault
        return faults

    def scores(self, data: Data, probes: Probes, rng: np.random.Generator) -> list[float | None]:
        """The student's accuracy in an exam after each example; None without an exam."""
        streams = Streams(rng)
        papers = [self._exam(e, streams) if e.kind == EXERCISE else () for e in data]
        sat = [
            (replace(exam, prompt=f"{e.prompt}{e.target}\n\n{exam.prompt}"), exam, place)
            for place, (e, exams) in enumerate(zip(data, papers, strict=True))
            for exam in exams
        ]
        answers = probes.greedy([asked for asked, _, _ in sat])
        grades = self.task.grade_all([exam for _, exam, _ in sat], answers)
        marks: dict[int, list[float]] = defaultdict(list)
        for (_, _, place), grade in zip(sat, grades, strict=True):
            marks[place].append(score_of(grade))
        return [float(np.nanmean(own)) if (own := marks[p]) else None for p in range(len(data))]

    def _exam(self, example: Example, streams: Streams) -> Data:
        """Exercises of its skill and level that ask something else, at most ``exams``."""
        rng = streams.of(example.skill, example.difficulty)
        skill = example.skill if self.related else self._other(example.skill, rng)
        if self.task.is_procedural:
            drawn = (self.task.make(skill, example.difficulty, rng) for _ in range(99))
            others = (exam for exam in drawn if exam.identity != example.identity)
            return tuple(exam for exam, _ in zip(others, range(self.exams), strict=False))
        pool = [
            other
            for other in self.task.examples("train")
            if (other.skill, other.difficulty) == (skill, example.difficulty)
            and other.identity != example.identity
        ]
        return tuple(pool[i] for i in rng.permutation(len(pool))[: self.exams])

    def _other(self, skill: str, rng: np.random.Generator) -> str:
        """Another leaf skill; the same one where there is no other."""
        others = [leaf for leaf in leaf_skills(self.task.skills) if leaf != skill]
        return others[int(rng.integers(len(others)))] if others else skill
