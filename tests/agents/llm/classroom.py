"""A small quiz whose texts tell their split, its classroom, and chat models made of replies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from teachgym.agents.context import Classroom
from teachgym.chat.scripted import Scripted
from teachgym.ledger import Ledger
from teachgym.syllabus import Syllabus
from teachgym.testing import ToyTask
from teachgym.types import (
    Brief,
    Budget,
    Example,
    Messages,
    Prediction,
    Report,
    Skill,
    Split,
    leaf_skills,
)

SKILLS = (
    Skill("algebra", description="Work with unknowns."),
    Skill("linear", "algebra", "Solve for x."),
    Skill("powers", "algebra"),
    Skill("geometry"),
)
LEAVES = leaf_skills(SKILLS)  # linear, powers, geometry
BRIEF = Brief("quiz questions", "A question of one line.", "", "One word.")


def questions(split: Split, each: int = 4) -> tuple[Example, ...]:
    """``each`` questions per leaf; no text of one is part of another."""
    return tuple(
        Example(f"{split}-{leaf}-{i}-question", f"{split}-{leaf}-{i}-answer", leaf, f"{split}/{i}")
        for leaf in LEAVES
        for i in range(each)
    )


def make_classroom(
    *, per_step: int = 10, budget: Budget | None = None, train: int = 4
) -> tuple[Classroom, Ledger]:
    syllabus = Syllabus(
        task="quiz",
        skills=SKILLS,
        brief=BRIEF,
        train=questions("train", train),
        compose=ToyTask(per_cell=1).compose,
        grade=lambda example, response: float(response == example.target),
        verify=lambda example: 1.0,
    )
    ledger = Ledger(budget or Budget())
    return Classroom(syllabus, ledger, per_step, (0.0, 0.5, 1.0)), ledger


def make_report(right: dict[str, int] | None = None, score: float = 0.0) -> Report:
    """All of val; per leaf the first ``right`` answers are right, the others score ``score``."""
    right = right or {}
    seen: Counter[str] = Counter()
    predictions = []
    for example in questions("val"):
        good = seen[example.skill] < right.get(example.skill, 0)
        seen[example.skill] += 1
        response = example.target if good else f"wrong-{example.id}-{example.skill}"
        predictions.append(Prediction(example, response, 1.0 if good else score))
    return Report(tuple(predictions), "val")


class Replies:
    """A chat model whose reply is a function of the prompt; remembers what it was asked."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.prompts: list[str] = []
        self.draws: list[int] = []
        self.chat = Scripted(self._reply)

    def _reply(self, messages: Messages, schema: Any, draw: int) -> str:
        prompt = "\n".join(message["content"] for message in messages)
        self.prompts.append(prompt)
        self.draws.append(draw)
        items = self.answer(prompt)
        return items if isinstance(items, str) else json.dumps({"items": items})


def events(ledger: Ledger) -> Counter[str]:
    return Counter(incident.event for incident in ledger.incidents)


def texts_of(examples: Sequence[Example]) -> list[str]:
    """Every text of the examples that must not show up by accident."""
    texts = [text for e in examples for text in (e.prompt, e.target) if len(text) >= 6]
    assert texts
    return texts
