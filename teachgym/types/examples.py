"""Examples, the student's answers to them, and the gate's verdicts on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from teachgym.shown import in_short
from teachgym.types.costs import Cost
from teachgym.types.frozen import FrozenDict, freeze
from teachgym.types.prompts import Prompt, Turn, identity_of

EXERCISE = "exercise"
"""The kind of an example that the task asks and grades."""

Split = Literal["train", "val", "test"]
"""Teachers make ``train``, are rewarded on ``val``, and judged once, at the end, on ``test``."""
SPLITS: tuple[Split, ...] = get_args(Split)

NOT_MEASURED = math.nan
"""The score of a response that could not be graded; never counted as a zero."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items of the task that are named without being read, so that one may ask about them."""

    split: Literal["train", "val"]
    places: tuple[int, ...] | None = None
    """Places in the split, counted from 0; None = all."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a training example."""

    seeds: tuple[str, ...] = ()
    """Ids of the examples it was derived from."""
    teacher: str = ""
    """Name of the teacher or engine that wrote it."""
    step: int = 0
    """Environment step in which it was written, counted from 1; 0 = before any."""
    cost: Cost | None = None
    """The cost of writing this one example, where it is known."""
    hint: str = ""
    """The order's word on what to practise; empty = nothing."""
    subskill: str = ""
    """The subskill it was ordered for, where that is not a skill of the task."""
    rating: float | None = None
    """The quality that the environment's teacher model sees in it, in [0, 1]; None = it was not
    asked. A rating by the teacher is not kept."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with its right answer: what teachers write and tasks grade."""

    prompt: str
    """The text shown to the student, in the format used before and after training."""
    target: str
    """The text the student should produce; no prompt, no end marker."""
    skill: str
    """Name of the (leaf) skill it exercises."""
    id: str = ""
    """Unique within its task and split; empty for examples written by a teacher."""
    source: Literal["task", "teacher"] = "teacher"
    """``task``: an item of one of the task's splits; ``teacher``: made for training."""
    difficulty: float | None = None
    """Difficulty in [0, 1]; None where the task has no notion of it."""
    rejected: str | None = None
    """A worse response to the same prompt, for preference losses."""
    spans: tuple[tuple[str, float], ...] = ()
    """Segments that make up the target, with finite loss weights, one of them above 0: what has the
    weight 0 is read and not learned, what is below 0 is to become less likely. Empty = the whole
    target with weight 1."""
    soft_labels: tuple[tuple[str, float], ...] = ()
    """Responses with probabilities that sum to 1, which are learned in place of the target; losses
    over pairs or triplets look at the target alone."""
    images: tuple[str, ...] = ()
    """SHA-256 of the PNG files that belong to the prompt, in order; see ``teachgym.images``."""
    turns: tuple[Turn, ...] = ()
    """The conversation after the prompt and before the target. The student's responses in it are
    trained on as the target is unless they say otherwise, the task's replies are not."""
    provenance: Provenance | None = None
    """None for examples of the task itself."""
    kind: str = EXERCISE
    """``exercise``, or the kind of auxiliary text, such as ``reversed``: trained on and never
    graded by the task; see ``teachgym.gate.kinds``."""
    meta: Mapping[str, Any] = FrozenDict()
    """JSON values for graders, engines and people, such as tests or the schemas of tools; the
    student does not see them."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        object.__setattr__(self, "meta", freeze(self.meta))

    @property
    def question(self) -> Prompt:
        """The whole question to the student."""
        return Prompt(self.prompt, self.images, self.turns)

    def answering(self, turns: tuple[Turn, ...]) -> Example:
        """The example after the further ``turns``."""
        return replace(self, turns=(*self.turns, *turns)) if turns else self

    def with_target(self, target: str) -> Example:
        """The example with another target, and without the fields that described the old one."""
        return replace(self, target=target, spans=(), soft_labels=(), rejected=None)

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The responses of the soft labels."""
        return tuple(response for response, _ in self.soft_labels)

    @property
    def identity(self) -> str:
        """Identity of the question; equal for examples that ask the same."""
        return identity_of(self.prompt, self.images, self.turns)

    @property
    def step(self) -> int:
        """The environment step in which it was written; 0 = before the first, or unknown."""
        return self.provenance.step if self.provenance else 0


Data = tuple[Example, ...]
"""Training data: the action of the base environment, the paper's d_t."""


@dataclass(frozen=True, slots=True)
class Grade:
    """A score with named parts, such as the name and the arguments of a call."""

    score: float
    """In [0, 1], 1 = right; nan = not measured."""
    parts: Mapping[str, float] = FrozenDict()
    """Name of a part to its score, in [0, 1] or nan = not measured."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", freeze(self.parts))


def score_of(grade: float | Grade) -> float:
    """The score of a result of ``Task.grade``, which may be the score itself."""
    return grade.score if isinstance(grade, Grade) else grade


@dataclass(frozen=True, slots=True)
class Prediction:
    """A graded answer of the student, or a graded conversation with it."""

    example: Example
    response: str
    """The student's last text, without prompt and end marker."""
    score: float
    """In [0, 1], 1 = right; nan = not measured."""
    parts: Mapping[str, float] = FrozenDict()
    """``Grade.parts``; empty where the task tells none apart."""
    turns: tuple[Turn, ...] = ()
    """The conversation before the response, after the example's own turns."""
    student: str = ""
    """The student who answered, where several are measured."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", freeze(self.parts))

    @property
    def responses(self) -> tuple[str, ...]:
        """Everything that the student wrote."""
        return (*(turn.response for turn in self.turns), self.response)

    @property
    def question(self) -> Prompt:
        """The question that the response answers."""
        return self.example.answering(self.turns).question


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reason why an example, an order or a move of an action was not carried out."""

    example: Example | None
    """The rejected example; None for an order, a move, and anything that is malformed."""
    reason: str
    """One of ``teachgym.gate.REASONS``, or the name of a check that was asked for."""
    detail: str = ""
    """The offending value and the rule it broke."""
    item: str = ""
    """The item that was handed in, as a short text (``teachgym.shown``), if it is no example."""

    __repr__ = in_short
