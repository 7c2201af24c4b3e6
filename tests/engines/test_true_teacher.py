"""Detectors of errors that students make, taught by such errors or by perturbed answers.

The finding of TrueTeacher (Gekhman et al. 2023, arXiv 2305.11171), whose detectors judge summaries:
labels of texts that models wrote teach more than labels of perturbed ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from teachgym.engines import ENGINES
from teachgym.students import make_student
from teachgym.students.bases import BASES, TINY
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.types import Data, Order, Plan, leaf_skills

TASK = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
TAUGHT, ASKED = 60, 15
"""Judgements of each skill that are learned, and that are asked for."""


def bases(*numbers: int) -> dict[str, Any]:
    return {str(n): {"student": TINY, "student_settings": {"base": n}} for n in numbers}


def judged(count: int, stream: int, students: Mapping[str, Any]) -> Data:
    """Labelled answers in words that ``tiny`` reads; equal streams have equal exercises."""
    settings = {"students": students, "asks": " right or wrong ", "corrected": False}
    engine = ENGINES.make("critique", TASK, settings=settings)
    plan = Plan(tuple(Order(skill, count) for skill in leaf_skills(TASK.skills)))
    return engine.generate(plan, np.random.default_rng(stream))


def detected(own: int, seed: int, data: Data, items: Data) -> list[str]:
    """Verdicts on ``items`` of a base that was taught ``data``: the likelier one of both."""
    detector = make_student(TINY, TASK, base=own)
    make_trainer(detector).train(detector, data, np.random.default_rng(seed))
    questions = [item.question for item in items]
    right, wrong = (
        [told.sum() for told in detector.logprobs(questions, [verdict] * len(items))]
        for verdict in ("right", "wrong")
    )
    return ["right" if a > b else "wrong" for a, b in zip(right, wrong, strict=True)]


def by_skill(data: Data, items: Data) -> list[str]:
    """Verdicts of who reads the skill alone, and says what is the more frequent there."""
    shares = defaultdict[str, list[bool]](list)
    for example in data:
        shares[example.skill].append(example.target == "right")
    return ["right" if fmean(shares[item.skill]) >= 0.5 else "wrong" for item in items]


def found(items: Data, verdicts: Sequence[str]) -> tuple[float, float]:
    """The shares of right verdicts on right and on wrong answers."""
    hits = [(e.target, v == e.target) for e, v in zip(items, verdicts, strict=True)]
    right, wrong = (fmean(hit for t, hit in hits if t == kind) for kind in ("right", "wrong"))
    return right, wrong


def compared(seed: int) -> dict[str, tuple[float, float]]:
    """The shares of right verdicts, by what was taught and whose answers are judged.

    A base is held out, the detector starts from the next one, and the three after that are the
    students of its data.
    """
    held_out, own, *others = ((seed + i) % BASES[TINY] for i in range(5))
    written = judged(TAUGHT, 2 * seed, bases(*others))
    perturbed = judged(TAUGHT, 2 * seed, {})
    assert len(written) == len(perturbed) == TAUGHT * len(leaf_skills(TASK.skills))
    known = {example.meta["question"] for example in perturbed}
    asked, others_asked = (
        tuple(e for e in judged(ASKED, 2 * seed + 1, who) if e.meta["question"] not in known)
        for who in (bases(held_out), {})
    )
    shares = {"skill alone": found(asked, by_skill(written, asked))}
    for arm, data in (("written", written), ("perturbed", perturbed)):
        verdicts = detected(own, seed, data, asked + others_asked)
        shares[arm] = found(asked, verdicts[: len(asked)])
        shares[f"{arm}, judging perturbed"] = found(others_asked, verdicts[len(asked) :])
    return shares


@pytest.mark.slow
def test_labels_of_answers_by_students_teach_more_than_labels_of_perturbed_ones() -> None:
    """In three of three bases, though a rule that reads the skill alone does no worse.

    Means of the shares on right and on wrong answers of a base that nobody was taught from: 0.639,
    0.609 and 0.614 by labels of written answers, 0.457, 0.466 and 0.441 by those of perturbed ones,
    and 0.610, 0.700 and 0.669 by skill. On perturbed answers 0.495, 0.452 and 0.522 against 0.526,
    0.484 and 0.514: neither has learned to check an answer.
    """
    for seed in range(3):
        shares = {arm: fmean(both) for arm, both in compared(seed).items()}
        assert shares["written"] > shares["perturbed"] + 0.05
