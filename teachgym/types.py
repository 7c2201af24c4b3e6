"""The words of teachgym: frozen, dumb data that every other file speaks.

Text only. Tokens live in ``teachgym.training`` and never leave it. Each field is documented
under itself with its meaning, unit and range; behaviour lives behind the seams of
``teachgym.protocols``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np

from teachgym.errors import ConfigError

Split = Literal["train", "val", "test"]
"""Teachers make ``train``, are rewarded on ``val``, and judged once, at the end, on ``test``."""

Obs = dict[str, Any]
"""A dictionary observation, as ``gymnasium.spaces.Dict`` types it."""

NOT_MEASURED = math.nan
"""The score of a response that could not be graded; never counted as a zero."""


@dataclass(frozen=True, slots=True)
class Skill:
    """Something a student can be good or bad at; the node of a skill forest."""

    name: str
    """Unique within its task."""
    parent: str | None = None
    """Name of the skill this one is a subskill of; None for a root."""
    description: str = ""
    """One sentence for people and language-model teachers."""


def root_skills(skills: Sequence[Skill]) -> tuple[str, ...]:
    """Names of the skills without a parent, in order."""
    return tuple(s.name for s in skills if s.parent is None)


def leaf_skills(skills: Sequence[Skill]) -> tuple[str, ...]:
    """Names of the skills that are nobody's parent, in order."""
    parents = {s.parent for s in skills}
    return tuple(s.name for s in skills if s.name not in parents)


def leaves_by_root(skills: Sequence[Skill]) -> dict[str, tuple[str, ...]]:
    """Leaf names under each root, any depth; a root without children is its own leaf."""
    parent = {s.name: s.parent for s in skills}
    groups: dict[str, list[str]] = {root: [] for root in root_skills(skills)}
    for leaf in leaf_skills(skills):
        root = leaf
        while (above := parent[root]) is not None:
            root = above
        groups[root].append(leaf)
    return {root: tuple(leaves) for root, leaves in groups.items()}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a training example came from."""

    seeds: tuple[str, ...] = ()
    """Ids of the examples it was derived from."""
    teacher: str = ""
    """Name of the teacher or engine that wrote it."""
    round: int = 0
    """Environment step in which it was written, counted from 1; 0 = before any."""
    cost: Cost | None = None
    """What writing this one example cost, where that is known."""


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
    source: Literal["task", "teacher"] = "task"
    """``task``: drawn from the task; ``teacher``: written by a teacher or an engine."""
    difficulty: float | None = None
    """In [0, 1]; None where the task has no notion of it."""
    rejected: str | None = None
    """A worse response to the same prompt, for preference losses."""
    spans: tuple[tuple[str, float], ...] = ()
    """Segments of the target with loss weights >= 0; empty = the whole target with weight 1."""
    soft_labels: tuple[tuple[str, float], ...] = ()
    """Alternative responses with probabilities, for distillation losses."""
    image: str | None = None
    """Path of an image that belongs to the prompt."""
    provenance: Provenance | None = None
    """None for examples of the task itself."""


Data = tuple[Example, ...]
"""Training data: the action of the base environment, the paper's d_t."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One graded answer of the student."""

    example: Example
    response: str
    """What the student wrote, prompt and end marker removed."""
    score: float
    """In [0, 1], 1 = right; nan = not measured."""


@dataclass(frozen=True, slots=True)
class SkillScore:
    """A mean that is never shown without its n and its standard error."""

    n: int
    """Measured predictions; 0 = not measured, and then mean and stderr are nan."""
    mean: float
    """In [0, 1]."""
    stderr: float
    """Standard error of the mean."""

    @classmethod
    def of(cls, scores: np.ndarray) -> SkillScore:
        """Mean, n and standard error of ``scores`` of shape (n,), nan entries left out.

        The standard error is sqrt(p (1 - p) / n) for right-or-wrong scores and in general
        sqrt(mean squared deviation / n): the error of a mean over items drawn from the task.
        """
        measured = scores[~np.isnan(scores)]
        if measured.size == 0:
            return cls(0, math.nan, math.nan)
        return cls(
            int(measured.size), float(measured.mean()), float(measured.std() / measured.size**0.5)
        )


@dataclass(frozen=True)
class Report:
    """An evaluation of the student: the paper's state s_t before any summary."""

    predictions: tuple[Prediction, ...]
    """In the order of the task's split, which never changes, so two reports can be paired."""
    split: Split

    @cached_property
    def scores(self) -> np.ndarray:
        """Scores of the predictions, shape (n_predictions,); nan = not measured."""
        return np.array([p.score for p in self.predictions], dtype=np.float64)

    @cached_property
    def overall(self) -> SkillScore:
        """Score over all predictions."""
        return SkillScore.of(self.scores)

    @property
    def accuracy(self) -> float:
        """Mean score over the measured predictions, in [0, 1]; nan if there are none."""
        return self.overall.mean

    @property
    def stderr(self) -> float:
        """Standard error of ``accuracy``."""
        return self.overall.stderr

    @property
    def errors(self) -> tuple[Prediction, ...]:
        """Measured predictions that are not fully right (score < 1)."""
        return tuple(p for p in self.predictions if p.score < 1)

    def by_skill(self) -> dict[str, SkillScore]:
        """Score per skill name, skills in order of first appearance."""
        groups: dict[str, list[float]] = {}
        for p in self.predictions:
            groups.setdefault(p.example.skill, []).append(p.score)
        return {skill: SkillScore.of(np.array(scores)) for skill, scores in groups.items()}


@dataclass(frozen=True, slots=True)
class Order:
    """One line of a plan: how many examples of what (the paper's data specification)."""

    skill: str
    count: int
    """Examples wanted, >= 0."""
    difficulty: float | None = None
    """In [0, 1]; None = any."""
    hint: str = ""
    """Free text for engines that can read, e.g. a hypothesis about the student's mistake."""
    seeds: tuple[str, ...] = ()
    """Ids of the examples to vary."""
    engine: str = ""
    """Name of the engine that should fill the order; empty = the environment's default."""

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"Order.count is {self.count}; it must be 0 or more")
        if self.difficulty is not None and not 0 <= self.difficulty <= 1:
            raise ConfigError(
                f"Order.difficulty is {self.difficulty}; it must be in [0, 1] or None"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """The data generation plan p_t: what the policy asks of the engine."""

    orders: tuple[Order, ...] = ()

    @property
    def total(self) -> int:
        """Examples asked for over all orders."""
        return sum(order.count for order in self.orders)


@dataclass(frozen=True, slots=True)
class Explore:
    """Skill-tree move: look for new subskills of ``skill`` and teach them."""

    skill: str
    subskills: int
    """New subskills asked for, >= 1; fewer are found when no more exist."""
    examples: int
    """Examples for each new subskill in this step."""


@dataclass(frozen=True, slots=True)
class Exploit:
    """Skill-tree move: teach the known subskills of ``skill``."""

    skill: str
    allocation: Mapping[str, int]
    """Examples per known subskill in this step, each >= 0."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent, in every currency; costs add up."""

    steps: int = 0
    """Environment steps."""
    examples: int = 0
    """Training examples accepted by the gate."""
    teacher_calls: int = 0
    teacher_tokens_in: int = 0
    teacher_tokens_out: int = 0
    dollars: float = 0.0
    train_tokens: int = 0
    """Tokens the student was trained on, prompts included, counted once per pass."""
    generated_tokens: int = 0
    """Tokens the student generated for evaluations and probes."""
    seconds: float = 0.0
    """Wall-clock seconds; the one currency that differs between equal runs."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, c) + getattr(other, c) for c in CURRENCIES))

    def as_dict(self) -> dict[str, float]:
        """Currency name to amount."""
        return asdict(self)


CURRENCIES: tuple[str, ...] = tuple(f.name for f in fields(Cost))
"""Names of the currencies, in the order of every array over them, shape (n_currencies,)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent in an episode, per currency; None = unlimited."""

    steps: int | None = None
    examples: int | None = None
    teacher_calls: int | None = None
    teacher_tokens_in: int | None = None
    teacher_tokens_out: int | None = None
    dollars: float | None = None
    train_tokens: int | None = None
    generated_tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for currency in CURRENCIES:
            limit = getattr(self, currency)
            if limit is not None and not limit > 0:
                raise ConfigError(
                    f"Budget.{currency} is {limit!r}; give a number above 0, or None for unlimited"
                )

    def remaining(self, spent: Cost) -> dict[str, float]:
        """Amount left per currency, never below 0; ``inf`` where unlimited."""
        return {c: max(0, self._limit(c) - getattr(spent, c)) for c in CURRENCIES}

    def allows(self, spent: Cost) -> bool:
        """Whether ``spent`` is within every limit."""
        return not self.exceeded(spent)

    def exceeded(self, spent: Cost) -> tuple[str, ...]:
        """Currencies in which ``spent`` is over its limit."""
        return tuple(c for c in CURRENCIES if getattr(spent, c) > self._limit(c))

    def exhausted(self, spent: Cost) -> tuple[str, ...]:
        """Currencies of which nothing is left."""
        return tuple(c for c in CURRENCIES if getattr(spent, c) >= self._limit(c))

    def fractions_left(self, spent: Cost) -> np.ndarray:
        """Share of each limit that is left, in [0, 1]; 1 where unlimited. Shape (n_currencies,)."""
        left = self.remaining(spent)
        shares = [1.0 if math.isinf(left[c]) else left[c] / self._limit(c) for c in CURRENCIES]
        return np.array(shares, dtype=np.float32)

    def _limit(self, currency: str) -> float:
        limit: float | None = getattr(self, currency)
        return math.inf if limit is None else limit


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run reports."""

    loss: float
    """Mean loss per target token over the run; nan if nothing was trained."""
    steps: int
    """Optimizer updates made."""
    cost: Cost
    """Training tokens and seconds; never examples or environment steps."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the gate kept an example out of training."""

    example: Example
    reason: str
    """One of ``teachgym.gate.REASONS``."""
    detail: str = ""
    """The offending value and the rule it broke."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A student's weights (or other state), in memory, detached from the student."""

    arrays: Mapping[str, np.ndarray]
    """Named arrays; whoever makes the checkpoint must copy them."""

    def __eq__(self, other: object) -> bool:
        """Bit-for-bit equality of names, types and contents."""
        if not isinstance(other, Checkpoint) or self.arrays.keys() != other.arrays.keys():
            return False
        pairs = ((a, other.arrays[name]) for name, a in self.arrays.items())
        return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Transition:
    """One step as the teacher lived it; Gymnasium's names."""

    observation: Any
    action: Any
    reward: float
    next_observation: Any
    terminated: bool
    truncated: bool
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """A finished (or resumed) sequence of transitions with what is needed to make it again."""

    transitions: tuple[Transition, ...]
    seed: int
    env_spec: str
    """The environment's spec as JSON; empty for environments made by hand."""
    teacher: str
    """The teacher's name."""

    @property
    def return_(self) -> float:
        """Sum of rewards."""
        return float(sum(t.reward for t in self.transitions))

    @property
    def length(self) -> int:
        """Number of steps."""
        return len(self.transitions)
