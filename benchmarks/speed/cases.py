"""The cases: what is trained and asked, with how many students of which size, by which systems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OWN = "teachgym"
LOOP = "peft, padded loop"
TRL = "TRL SFTTrainer"
PROCESSES = "a process a stage, micro-batch 1, answers by 4"


def batches_of(size: int) -> str:
    """The name of transformers ``generate`` in batches of ``size``."""
    return f"generate, batches of {size}"


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a Llama-architecture model; weights are random, nothing is downloaded.

    Embeddings and output head are separate even where the model of that name ties them (the
    forced answer lengths of ``models.py`` need it): equal arithmetic and traffic, more memory.
    """

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("micro", 32, 64, 2, 2, 1, 256),
        Shape("2M", 128, 384, 4, 4, 4, 4096),
        Shape("17M", 384, 1024, 6, 6, 6, 8192),
        Shape("135M", 576, 1536, 30, 9, 3, 49152),  # SmolLM2-135M
        Shape("0.5B", 896, 4864, 24, 14, 2, 151936),  # Qwen2.5-0.5B
    )
}
"""By name; ``micro`` is for tests. Those after a model of the hub have its dimensions."""


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
    """What one student is trained on in one round."""

    examples: int
    """A multiple of ``batch``, so that no update spans two epochs."""
    tokens: Lengths
    """Of an example: prompt, target and end; half of it is target."""
    batch: int
    epochs: int = 1


@dataclass(frozen=True, slots=True)
class Asking:
    """What one student is asked in one round."""

    prompts: int
    prompt: Lengths
    answer: Lengths
    """End included; ``longest`` is the limit every system is given."""


@dataclass(frozen=True, slots=True)
class Case:
    """One table: the same work for several systems, interleaved."""

    name: str
    title: str
    shape: str
    systems: tuple[str, ...]
    """The last is the reference: the others must have its losses and answers."""
    training: Training | None = None
    asking: Asking | None = None
    students: int = 1
    rank: int = 8
    rounds: int = 3
    """Unless another number is asked for."""

    def __post_init__(self) -> None:
        if self.training and self.training.examples % self.training.batch:
            raise ValueError(f"{self.name}: {self.training.examples} examples are no whole batches")

    @property
    def reference(self) -> str:
        """The system whose losses and answers the others must have."""
        return self.systems[-1]

    @property
    def longest_answer(self) -> int:
        """The limit on new tokens that every system is given."""
        return self.asking.answer.longest if self.asking else 1


def fixed(tokens: int) -> Lengths:
    """All lengths equal."""
    return Lengths(tokens, tokens, shortest=1)


SPREAD = 0.75
"""Eight log-normal lengths of this spread fill 45 % of a padded batch."""

CPU_CASES = (
    Case(
        "cycle",
        "Whole cycle: 48 examples of 64 tokens, 3 epochs, then 64 answers of 32 tokens",
        "17M",
        (OWN, PROCESSES, TRL, LOOP),
        Training(48, fixed(64), batch=16, epochs=3),
        Asking(64, fixed(24), fixed(32)),
        rounds=1,
    ),
    Case(
        "packing",
        "Training: 96 examples, mean 86, at most 256 tokens, batch 8, 12 updates",
        "17M",
        (OWN, TRL, LOOP),
        Training(96, Lengths(86, 256, SPREAD), batch=8),
        rounds=2,
    ),
    Case(
        "nothing-to-pad",
        "Fixed lengths: 16 examples of 256 tokens, then 64 answers of 32",
        "17M",
        (OWN, LOOP),
        Training(16, fixed(256), batch=8),
        Asking(64, fixed(64), fixed(32)),
        rounds=1,
    ),
    Case(
        "stacked-training-17M",
        "Training 8 students, 64 tokens a student and update",
        "17M",
        (OWN, LOOP),
        Training(12, fixed(32), batch=2),
        students=8,
    ),
    Case(
        "stacked-training-2M",
        "Training 16 students, 32 tokens a student and update",
        "2M",
        (OWN, LOOP),
        Training(12, fixed(16), batch=2),
        students=16,
        rounds=5,
    ),
    Case(
        "stacked-evaluation",
        "Evaluating 8 students, 4 prompts each, 48 new tokens",
        "17M",
        (OWN, LOOP),
        asking=Asking(4, fixed(24), fixed(48)),
        students=8,
        rounds=2,
    ),
    Case(
        "slots",
        "64 answers of mean 29, at most 128 tokens",
        "17M",
        (OWN, batches_of(4), batches_of(64)),
        asking=Asking(64, fixed(24), Lengths(29, 128, SPREAD)),
        rounds=2,
    ),
)

_GPU_CYCLE = Training(128, Lengths(200, 1024, SPREAD), batch=16)
_GPU_ANSWERS = Asking(256, fixed(128), Lengths(120, 256, SPREAD))

GPU_CASES = (
    *(
        Case(
            f"cycle-{shape}",
            "Whole cycle: 128 examples of mean 200 tokens, then 256 answers of mean 120",
            shape,
            (OWN, TRL, LOOP),
            _GPU_CYCLE,
            _GPU_ANSWERS,
            rank=16,
            rounds=2,
        )
        for shape in ("135M", "0.5B")
    ),
    Case(
        "stacked-training-135M",
        "Training 8 students, 4,096 tokens a student and update",
        "135M",
        (OWN, LOOP),
        Training(64, fixed(256), batch=16),
        students=8,
        rank=16,
    ),
    Case(
        "slots-0.5B",
        "256 answers of mean 120, at most 256 tokens",
        "0.5B",
        (OWN, batches_of(64)),
        asking=_GPU_ANSWERS,
        rank=16,
        rounds=2,
    ),
)

QUICK_CASES = (
    Case(
        "cycle",
        "Whole cycle",
        "micro",
        (OWN, LOOP),
        Training(8, Lengths(12, 24, SPREAD), batch=4),
        Asking(4, fixed(6), Lengths(4, 8, SPREAD)),
        students=2,
    ),
    Case(
        "slots",
        "Uneven answers",
        "micro",
        (OWN, batches_of(2)),
        asking=Asking(4, fixed(6), Lengths(4, 8, SPREAD)),
    ),
)
"""To see that everything works; milliseconds of work, whose ratios mean nothing."""
