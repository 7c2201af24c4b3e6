"""Stand-ins for a student, a trainer, a chat model and a tracker. They check what they are given.

``TableStudent`` and ``RecordingTrainer`` work with ``ToyTask``; the others with anything.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from teachgym.errors import ConformanceError, UnknownSkillError, unknown
from teachgym.protocols import Student, Trainer
from teachgym.testing.toy import SKILLS, solve, split_prompt
from teachgym.types import (
    EXERCISE,
    Checkpoint,
    Completion,
    Cost,
    Data,
    Example,
    Messages,
    Prompt,
    Schema,
    TrainResult,
    leaf_skills,
)


class TableStudent(Student):
    """Knows a share of each skill of ``ToyTask``, larger the more examples it was taught.

    The share is n / (n + ``half``) after n examples, so ``half`` examples teach half a skill. A
    prompt that it has not mastered yet is answered with ``?``; mastered prompts stay mastered.
    A character is a token.
    """

    max_new_tokens = 8
    skills = leaf_skills(SKILLS)
    """The skills that it can learn; for another task, override it and the next two methods."""

    def __init__(self, *, half: float = 20.0) -> None:
        self.half = half
        self._taught = np.zeros(len(self.skills))

    def skill_of(self, prompt: Prompt) -> str:
        """The skill that a prompt is of; empty if of none."""
        return split_prompt(prompt.text)[0]

    def solve(self, prompt: Prompt) -> str:
        """The right answer to a prompt of a skill."""
        return solve(prompt.text)

    def share(self, skill: str) -> float:
        """The share of the skill's prompts that it answers right, in [0, 1)."""
        if skill not in self.skills:
            raise UnknownSkillError(unknown("skill", skill, self.skills))
        taught = self._taught[self.skills.index(skill)]
        return float(taught / (taught + self.half))

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """Right answers where mastered, else ``?``."""
        return [self.solve(p) if self._masters(p) else "?" for p in prompts]

    def learn(self, example: Example) -> None:
        """Count one example; only an exercise with its right target teaches anything."""
        self.share(example.skill)
        if example.kind != EXERCISE:
            return
        if self.skill_of(example.question) and self.solve(example.question) == example.target:
            self._taught[self.skills.index(example.skill)] += 1

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Characters."""
        return sum(map(len, texts))

    def save(self) -> Checkpoint:
        """Examples taught per leaf skill, shape (n_skills,)."""
        return Checkpoint({"taught": self._taught.copy()})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Set the counts."""
        self._taught = checkpoint.arrays["taught"].copy()

    def export(self, folder: Path) -> None:
        """Write ``taught.npy``."""
        np.save(folder / "taught.npy", self._taught)

    def _masters(self, prompt: Prompt) -> bool:
        skill = self.skill_of(prompt)
        rank = zlib.crc32(f"rank {prompt.identity}".encode()) / 2**32
        return bool(skill) and rank < self.share(skill)


class RecordingTrainer(Trainer[TableStudent]):
    """Teaches a ``TableStudent`` and keeps what it was given in ``calls``."""

    def __init__(self) -> None:
        self.calls: list[Data] = []

    def cost(self, student: TableStudent, data: Data) -> Cost:
        """The characters of prompts and targets as training tokens."""
        texts = [e.question.transcript + e.target for e in data]
        return Cost(train_tokens=student.count_tokens(texts))

    def train(self, student: TableStudent, data: Data, rng: np.random.Generator) -> TrainResult:
        """One update per example; the loss is the mean share not known when its turn came."""
        self.calls.append(data)
        losses = []
        for example in data:
            losses.append(1 - student.share(example.skill))
            student.learn(example)
        loss = float(np.mean(losses)) if losses else float("nan")
        return TrainResult(loss, steps=len(data), cost=self.cost(student, data))


def _refused(what: str) -> Any:
    """A property that cannot be read, so a method that cannot be called."""

    def refuse(student: Student) -> NoReturn:
        raise ConformanceError(f"the student must not be used here, but {what} was asked of it")

    return property(refuse)


class ForbiddenStudent(Student):
    """Raises ``ConformanceError`` whatever it is asked: for code that must not use the student."""

    max_new_tokens = _refused("max_new_tokens")
    generate = _refused("generate")
    count_tokens = _refused("count_tokens")
    save = _refused("save")
    restore = _refused("restore")
    export = _refused("export")


class ScriptedChatModel:
    """Gives the scripted answers one after the other; keeps what it was asked in ``requests``.

    A character is a token. ``teachgym.chat.scripted`` has one whose answers depend on the question.
    """

    name = "scripted"

    def __init__(self, answers: Sequence[str]) -> None:
        self.answers = tuple(answers)
        self.requests: list[tuple[Mapping[str, str], ...]] = []

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """The next answer; the script, not the schema, decides what it says.

        Raises:
            ConformanceError: when the script is over, or a message lacks ``role`` or ``content``.
        """
        for message in messages:
            if not {"role", "content"} <= message.keys():
                raise ConformanceError(f"a message needs role and content; found {dict(message)}")
        asked = len(self.requests)
        if asked == len(self.answers):
            raise ConformanceError(f"all {asked} scripted answers are used up; script one more")
        self.requests.append(tuple(messages))
        answer = self.answers[asked]
        tokens_in = sum(len(message["content"]) for message in messages)
        return Completion(
            answer,
            Cost(teacher_calls=1, teacher_tokens_in=tokens_in, teacher_tokens_out=len(answer)),
        )


class ListTracker:
    """Keeps steps and their metrics in ``logged``, folders in ``recorded``."""

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.recorded: list[Path] = []
        self.closed = False

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append; raises ``ConformanceError`` after ``close``."""
        if self.closed:
            raise ConformanceError(f"metrics of step {step} were logged to a closed tracker")
        self.logged.append((step, dict(metrics)))

    def record(self, folder: Path) -> None:
        """Append; raises ``ConformanceError`` after ``close``."""
        if self.closed:
            raise ConformanceError(f"{folder} was recorded by a closed tracker")
        self.recorded.append(folder)

    def close(self) -> None:
        """Refuse further metrics and folders."""
        self.closed = True
