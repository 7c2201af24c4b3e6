"""The cases: what a system trains and answers, with how many students of which size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

OWN = "teachgym"
ONE_BY_ONE = "teachgym, one student after another"
COMPILED = "teachgym, layers compiled"
PLAIN_HEAD = "teachgym, head and loss by autograd"
APART = "teachgym, a product for each adapter"
OWN_CODE = "teachgym, the model's own code between products"
VARIANTS = (COMPILED, PLAIN_HEAD, APART, OWN_CODE)
"""The variants of this project's code."""
LOOP = "peft, padded loop"
TRL = "TRL SFTTrainer"
Objective = Literal["sft", "grpo", "dpo", "distillation"]
TRL_ITS_OWN: Mapping[Objective, str] = {
    "grpo": "TRL GRPOTrainer",
    "dpo": "TRL DPOTrainer",
    "distillation": "TRL GKDTrainer",
}
"""TRL's trainers of objectives other than cross entropy."""
PROCESSES = "a process a stage, micro-batch 1, answers by 4"


def batches_of(size: int) -> str:
    """The name of the system that calls transformers' ``generate`` in batches of ``size``."""
    return f"generate, batches of {size}"


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token counts: log-normal, scaled to a mean and cut to a range."""

    mean: float
    longest: int
    spread: float = 0.0
    """Standard deviation of the logarithm; 0 = all equal to the mean."""
    shortest: int = 4

    def draw(self, rng: np.random.Generator, count: int) -> list[int]:
        """Draw ``count`` lengths whose mean is ``mean`` up to rounding."""
        raw = np.exp(self.spread * rng.standard_normal(count))
        low, high = 0.0, float(self.longest) / raw.min()
        for _ in range(60):  # bisection: the mean grows with the scale
            scale = (low + high) / 2
            cut = np.clip(raw * scale, self.shortest, self.longest)
            low, high = (scale, high) if cut.mean() < self.mean else (low, scale)
        return [int(n) for n in np.rint(cut)]


@dataclass(frozen=True, slots=True)
class Training:
    """The training data of one student in one round."""

    examples: int
    """A multiple of ``batch``, so that no update spans two epochs."""
    tokens: Lengths
    """Length of an example: prompt, target and end token; half of it is target."""
    batch: int
    epochs: int = 1
    objective: Objective = "sft"
    """``grpo``: targets are sampled; ``dpo``: each has a rejected one; ``distillation``: a teacher
    model, the base without its adapter, is imitated."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The prompts of one student in one round, and the lengths of its answers."""

    prompts: int
    prompt: Lengths
    answer: Lengths
    """Length of an answer with its end token; ``longest`` is the limit for every system."""


SHARE = "share of the rate of a matrix product in training"
PACE = "new tokens a second"


@dataclass(frozen=True, slots=True)
class Goal:
    """A target of this project for a number of a case; more is better."""

    of: str
    """``SHARE``, ``PACE``, or the system whose time is divided by this project's."""
    least: float
    aim: float | None = None
    """None = there is no target above ``least``."""


@dataclass(frozen=True, slots=True)
class Case:
    """The same work for several systems, which take turns; one table of the report."""

    name: str
    title: str
    shape: str
    systems: tuple[str, ...]
    """The last one is the reference, whose losses and answers the others must reproduce."""
    training: Training | None = None
    asking: Asking | None = None
    students: int = 1
    rank: int = 8
    rounds: int = 3
    """The default number of rounds."""
    goals: tuple[Goal, ...] = ()
    by_default: bool = True
    """Whether it is measured if no cases are named."""

    def __post_init__(self) -> None:
        if self.training and self.training.examples % self.training.batch:
            raise ValueError(
                f"{self.name}: {self.training.examples} examples are not whole batches"
            )

    @property
    def reference(self) -> str:
        """The system whose losses and answers the others must reproduce."""
        return self.systems[-1]

    @property
    def longest_answer(self) -> int:
        """The limit on new tokens for every system."""
        if self.training and self.training.objective == "grpo":
            return self.training.tokens.longest // 2
        return self.asking.answer.longest if self.asking else 1


def fixed(tokens: int) -> Lengths:
    """Return lengths that are all equal."""
    return Lengths(tokens, tokens, shortest=1)


def _objective(name: Objective, what: str, shape: str) -> Case:
    """Compare one of TRL's trainers with this project's for the same objective."""
    return Case(
        f"{name}-{shape}",
        f"{what} 32 examples of 64 tokens, half of them target, in 4 updates",
        shape,
        (OWN, TRL_ITS_OWN[name]),
        Training(32, fixed(64), batch=8, objective=name),
    )


def _objectives(shape: str) -> tuple[Case, ...]:
    return (
        _objective("grpo", "GRPO, eight answers to each question:", shape),
        _objective("dpo", "DPO, with as long rejected responses:", shape),
        _objective("distillation", "Distillation, forward KL of the whole vocabulary:", shape),
    )


SPREAD = 0.75
"""Eight log-normal lengths of this spread fill 45 % of a padded batch."""

CPU_CASES = (
    Case("cycle", "Whole cycle: 48 examples of 64 tokens, 3 epochs, then 64 answers of 32 tokens",
         "17M", (OWN, PROCESSES, TRL, LOOP), Training(48, fixed(64), batch=16, epochs=3),
         Asking(64, fixed(24), fixed(32)), rounds=1),
    Case("packing", "Training: 96 examples, mean 86, at most 256 tokens, batch 8, 12 updates",
         "17M", (OWN, TRL, LOOP), Training(96, Lengths(86, 256, SPREAD), batch=8), rounds=2),
    Case("nothing-to-pad", "Fixed lengths: 16 examples of 256 tokens, then 64 answers of 32", "17M",
         (OWN, LOOP), Training(16, fixed(256), batch=8), Asking(64, fixed(64), fixed(32)),
         rounds=1),
    Case("stacked-training-17M", "Training 8 students, 64 tokens a student and update", "17M",
         (OWN, LOOP), Training(12, fixed(32), batch=2), students=8),
    Case("stacked-training-2M", "Training 16 students, 32 tokens a student and update", "2M",
         (OWN, LOOP), Training(12, fixed(16), batch=2), students=16, rounds=5),
    Case("stacked-evaluation", "Evaluating 8 students, 4 prompts each, 48 new tokens", "17M",
         (OWN, LOOP), asking=Asking(4, fixed(24), fixed(48)), students=8, rounds=2),
    Case("slots", "64 answers of mean 29, at most 128 tokens", "17M",
         (OWN, batches_of(4), batches_of(64)),
         asking=Asking(64, fixed(24), Lengths(29, 128, SPREAD)), rounds=2),
    *_objectives("2M"),
)  # fmt: skip

_GPU_ANSWERS = Asking(128, fixed(128), Lengths(120, 256, SPREAD))


def _floor(
    shape: str, share: tuple[float, float], pace: tuple[float, float], *, rounds: int = 2
) -> Case:
    """Measure how near training and answering come to the limits of the GPU."""
    return Case(
        f"floor-{shape}",
        "336 examples of 512 tokens in 21 updates, then 512 answers of 256 tokens",
        shape,
        (OWN,),
        Training(336, fixed(512), batch=16),
        Asking(512, fixed(128), fixed(256)),
        rank=16,
        rounds=rounds,
        goals=(Goal(SHARE, *share), Goal(PACE, *pace)),
    )


def _cycle(shape: str, *others: str, by_default: bool, goals: tuple[Goal, ...] = ()) -> Case:
    return Case(
        f"cycle-{shape}",
        "Whole cycle: 128 examples of mean 200 tokens, then 128 answers of mean 120",
        shape,
        (OWN, *others),
        Training(128, Lengths(200, 1024, SPREAD), batch=16),
        _GPU_ANSWERS,
        rank=16,
        rounds=1,
        goals=goals,
        by_default=by_default,
    )


def _updates(shape: str, *others: str, name: str = "updates", by_default: bool = True) -> Case:
    return Case(
        f"{name}-{shape}",
        "20 small updates: 16 examples of 128 tokens each",
        shape,
        (*others, OWN),
        Training(320, fixed(128), batch=16),
        rank=16,
        rounds=3,
        by_default=by_default,
    )


GPU_CASES = (
    _floor("135M", (0.15, 0.35), (120e3, 200e3)),
    _floor("0.5B", (0.30, 0.45), (110e3, 180e3)),
    Case("stacked-135M",
         "16 students: 3 updates of 16 examples of 128 tokens each, then 32 answers of 32 tokens",
         "135M", (OWN, ONE_BY_ONE), Training(48, fixed(128), batch=16),
         Asking(32, fixed(64), fixed(32)), students=16, rank=16, rounds=1,
         goals=(Goal(ONE_BY_ONE, 2.5),)),
    Case("stacked-2M",
         "64 students: 6 updates of 4 examples of 32 tokens each, then 16 answers of 16 tokens",
         "2M", (OWN, ONE_BY_ONE), Training(24, fixed(32), batch=4),
         Asking(16, fixed(24), fixed(16)), students=64, rounds=1, goals=(Goal(ONE_BY_ONE, 6),)),
    _floor("1.7B", (0.42, 0.50), (30e3, 40e3), rounds=1),
    _cycle("0.5B", TRL, by_default=True, goals=(Goal(TRL, 20),)),
    _floor("3B", (0.45, 0.52), (35e3, 50e3), rounds=1),
    _updates("135M"),
    _updates("0.5B", OWN_CODE),
    _updates("0.5B", *VARIANTS, name="variants", by_default=False),
    _cycle("135M", TRL, LOOP, by_default=False),
    Case("slots-0.5B", "128 answers of mean 120, at most 256 tokens", "0.5B", (OWN, batches_of(64)),
         asking=_GPU_ANSWERS, rank=16, rounds=2, by_default=False),
    *(replace(case, by_default=False) for case in _objectives("135M")),
)  # fmt: skip
"""The most informative cases first. The default ones take about eight minutes on an H200."""


def shrunk(case: Case) -> Case:
    """Shrink model and lengths until the case takes a second, to see whether it works."""
    training = case.training and replace(
        case.training,
        examples=2 * case.training.batch,
        tokens=_short(case.training.tokens, 24),
        epochs=min(case.training.epochs, 2),
    )
    asking = case.asking and Asking(4, fixed(6), _short(case.asking.answer, 8))
    if training and training.batch > 4:
        training = replace(training, examples=8, batch=4)
    return replace(
        case,
        title=f"A model of nothing in the place of: {case.title}",
        shape="micro",
        training=training,
        asking=asking,
        students=min(case.students, 2),
        rounds=1,
        goals=(),
    )


def _short(lengths: Lengths, longest: int) -> Lengths:
    return Lengths(longest / 2, longest, lengths.spread, min(lengths.shortest, 4))


QUICK_CASES = tuple(map(shrunk, GPU_CASES))
"""Small cases that show whether everything works; their ratios mean nothing."""
