"""What is measured: workloads W1 to W6 as data, and the ratios the project has promised.

Nothing here is ever changed to meet a gate. Sizes are small on a CPU, so that a run takes minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

OWN = "teachgym"
ONE_BY_ONE = "teachgym, one by one"
EAGER = "teachgym, eager"
STRICT = "teachgym, strict"
NOT_STRICT = "teachgym, not strict"
LOOP = "peft, padded loop"
HF = "HF Trainer"
TRL = "TRL SFTTrainer"
TRL_PACKED = "TRL SFTTrainer, padding-free"
REAL = "subprocesses, micro-batch 1, answers by 4"
GENEROUS = "subprocesses, micro-batch 8, answers at once"
VLLM = "vLLM"


def batches_of(size: int) -> str:
    """The name of transformers ``generate`` in batches of ``size``."""
    return f"generate, batches of {size}"


def of_students(count: int, *, eager: bool = False) -> str:
    """The name of this project's code with the first ``count`` students of a case."""
    return f"{EAGER if eager else OWN}, K={count}"


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token counts: log-normal, scaled to a mean and cut to a range."""

    mean: float
    longest: int
    spread: float = 0.0
    """Standard deviation of the logarithm; 0 = all equal to the mean."""
    shortest: int = 4

    def draw(self, rng: np.random.Generator, count: int) -> list[int]:
        """``count`` lengths whose mean is the wanted one, up to rounding."""
        raw = np.exp(self.spread * rng.standard_normal(count))
        low, high = 0.0, float(self.longest) / raw.min()
        for _ in range(60):  # bisection: the mean grows with the scale
            scale = (low + high) / 2
            cut = np.clip(raw * scale, self.shortest, self.longest)
            low, high = (scale, high) if cut.mean() < self.mean else (low, scale)
        return [int(n) for n in np.rint(cut)]


@dataclass(frozen=True, slots=True)
class Training:
    """What one student is trained on in one step."""

    examples: int
    """A multiple of ``batch``, so that no update spans two epochs."""
    tokens: Lengths
    """Of an example: prompt, target and end; half of it is target."""
    batch: int
    epochs: int = 1


@dataclass(frozen=True, slots=True)
class Asking:
    """What one student is asked in one step."""

    prompts: int
    prompt: Lengths
    answer: Lengths
    """End included; ``longest`` is the limit every system is given."""
    shared: int = 0
    """Tokens at the beginning of every prompt that are the same in all."""


@dataclass(frozen=True, slots=True)
class Case:
    """One table: the same work for several systems, interleaved."""

    name: str
    workload: Literal["W1", "W2", "W3", "W4", "W5", "W6"]
    title: str
    shape: str
    systems: tuple[str, ...]
    reference: str
    """The system whose losses and answers the others must have."""
    subject: str = OWN
    """The system that the others' times are divided by."""
    training: Training | None = None
    asking: Asking | None = None
    students: int = 1
    rank: int = 8
    steps: int = 1
    """Environment steps, each with as many new examples."""
    accumulate: bool = False
    """Train every step from the start on all examples so far, instead of going on."""
    rounds: int = 3
    """Unless another number is asked for."""

    def __post_init__(self) -> None:
        if self.training and self.training.examples % self.training.batch:
            raise ValueError(f"{self.name}: {self.training.examples} examples are no whole batches")

    @property
    def longest_answer(self) -> int:
        """The limit on new tokens that every system is given."""
        return self.asking.answer.longest if self.asking else 1


@dataclass(frozen=True, slots=True)
class Gate:
    """A ratio the project has promised."""

    case: str
    title: str
    against: str
    """The system that takes ``least`` times as long as the case's subject."""
    least: float


def fixed(tokens: int) -> Lengths:
    """All lengths equal."""
    return Lengths(tokens, tokens, shortest=1)


_IN_PROCESS = (OWN, LOOP, HF, TRL)
SPREAD = 0.75
"""Eight log-normal lengths of this spread fill 45 % of a padded batch."""

CPU_CASES: tuple[Case, ...] = (
    Case(
        "cycle",
        "W1",
        "Whole cycle: 48 examples of 64 tokens, 3 epochs, then 64 answers of 32 tokens",
        "17M",
        (OWN, REAL, GENEROUS, TRL, LOOP),
        LOOP,
        training=Training(48, fixed(64), batch=16, epochs=3),
        asking=Asking(64, fixed(24), fixed(32)),
        rounds=1,
    ),
    Case(
        "packing",
        "W1",
        "Training: 96 examples, mean 86, at most 256 tokens, batch 8, 12 updates",
        "17M",
        (OWN, LOOP, TRL),
        LOOP,
        training=Training(96, Lengths(86, 256, SPREAD), batch=8),
        rounds=2,
    ),
    Case(
        "cycle-30M",
        "W1",
        "Cycle of a larger student: 32 examples of mean 64 tokens, then 16 answers of mean 24",
        "30M",
        (OWN, LOOP),
        LOOP,
        training=Training(32, Lengths(64, 192, SPREAD), batch=8),
        asking=Asking(16, fixed(24), Lengths(24, 64, SPREAD)),
        rounds=1,
    ),
    Case(
        "floor",
        "W2",
        "Fixed lengths, nothing to pad: 16 examples of 256 tokens, then 64 answers of 32",
        "17M",
        (OWN, LOOP),
        LOOP,
        training=Training(16, fixed(256), batch=8),
        asking=Asking(64, fixed(64), fixed(32)),
        rounds=1,
    ),
    Case(
        "stacked-training-17M",
        "W3",
        "Training 8 students, 64 tokens a student and update",
        "17M",
        (OWN, NOT_STRICT, ONE_BY_ONE, LOOP),
        LOOP,
        training=Training(12, fixed(32), batch=2),
        students=8,
    ),
    Case(
        "stacked-training-2M",
        "W3",
        "Training 16 students, 32 tokens a student and update",
        "2M",
        (OWN, NOT_STRICT, ONE_BY_ONE, LOOP),
        LOOP,
        training=Training(12, fixed(16), batch=2),
        students=16,
        rounds=5,
    ),
    Case(
        "stacked-evaluation",
        "W3",
        "Evaluating 8 students, 4 prompts each, 48 new tokens",
        "17M",
        (OWN, NOT_STRICT, ONE_BY_ONE, LOOP),
        LOOP,
        asking=Asking(4, fixed(24), fixed(48)),
        students=8,
        rounds=2,
    ),
    Case(
        "vector",
        "W3",
        "Cycle of K students: 8 examples of 16 tokens, then 4 answers of 16, each",
        "2M",
        tuple(of_students(k) for k in (1, 2, 4, 8, 16, 32)),
        of_students(32),
        subject=of_students(1),
        training=Training(8, fixed(16), batch=2),
        asking=Asking(4, fixed(8), fixed(16)),
        students=32,
        rounds=5,
    ),
    Case(
        "overhead",
        "W4",
        "Tiny step: 16 examples of mean 24 tokens, then 64 answers of 8",
        "2M",
        _IN_PROCESS,
        LOOP,
        training=Training(16, Lengths(24, 64, SPREAD), batch=16),
        asking=Asking(64, fixed(16), fixed(8)),
        rounds=5,
    ),
    Case(
        "episode-continue",
        "W5",
        "Three steps of 16 examples of mean 32 tokens and 32 answers, going on each step",
        "2M",
        (OWN, TRL, LOOP),
        LOOP,
        training=Training(16, Lengths(32, 96, SPREAD), batch=8),
        asking=Asking(32, fixed(16), Lengths(12, 32, SPREAD)),
        steps=3,
    ),
    Case(
        "episode-accumulate",
        "W5",
        "The same three steps, each from the start on all examples so far",
        "2M",
        (OWN, TRL, LOOP),
        LOOP,
        training=Training(16, Lengths(32, 96, SPREAD), batch=8),
        asking=Asking(32, fixed(16), Lengths(12, 32, SPREAD)),
        steps=3,
        accumulate=True,
    ),
    Case(
        "slots",
        "W6",
        "64 answers of mean 29, at most 128 tokens",
        "17M",
        (OWN, batches_of(4), batches_of(64)),
        batches_of(64),
        asking=Asking(64, fixed(24), Lengths(29, 128, SPREAD)),
        rounds=2,
    ),
    Case(
        "few-shot",
        "W6",
        "32 prompts of 256 tokens that share their first 192, answers of mean 8",
        "2M",
        (OWN, batches_of(4), batches_of(32)),
        batches_of(32),
        asking=Asking(32, fixed(256), Lengths(8, 24, SPREAD), shared=192),
    ),
)

CPU_GATES = (
    Gate("packing", "exact packing against TRL, padded", TRL, 2.5),
    Gate("packing", "exact packing against a padded loop", LOOP, 1.8),
    Gate("stacked-training-17M", "8 students stacked, training, 17M", LOOP, 1.25),
    Gate("stacked-training-2M", "16 students stacked, training, 2M", LOOP, 3.0),
    Gate("stacked-evaluation", "8 students stacked, evaluation", LOOP, 2.0),
    Gate("slots", "slots against batches of 4", batches_of(4), 2.5),
    Gate("cycle", "whole cycle against subprocesses", REAL, 2.0),
)

_MICRO_TRAINING = Training(8, Lengths(12, 24, SPREAD), batch=4)
_MICRO_ASKING = Asking(4, fixed(6), Lengths(4, 8, SPREAD))

QUICK_CASES = (
    Case(
        "cycle",
        "W1",
        "Whole cycle",
        "micro",
        (OWN, LOOP, HF, TRL),
        LOOP,
        training=_MICRO_TRAINING,
        asking=_MICRO_ASKING,
    ),
    Case(
        "vector",
        "W3",
        "Cycle of K students",
        "micro",
        (of_students(1), of_students(2)),
        of_students(2),
        subject=of_students(1),
        training=_MICRO_TRAINING,
        asking=_MICRO_ASKING,
        students=2,
    ),
    Case(
        "episode-continue",
        "W5",
        "Two steps",
        "micro",
        (OWN, LOOP),
        LOOP,
        training=_MICRO_TRAINING,
        asking=_MICRO_ASKING,
        steps=2,
    ),
    Case(
        "slots",
        "W6",
        "Uneven answers",
        "micro",
        (OWN, batches_of(2)),
        batches_of(2),
        asking=_MICRO_ASKING,
    ),
)
"""To see that everything works; milliseconds of work, whose ratios mean nothing."""

QUICK_GATES = (Gate("slots", "slots against batches of 2", batches_of(2), 1.0),)
