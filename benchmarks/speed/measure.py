"""Measure systems side by side in interleaved rounds, and check that they do equal work."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Literal, Protocol

import numpy as np

from teachgym.benchmarks.speed.cases import OWN
from teachgym.benchmarks.speed.material import Material
from teachgym.errors import TeachgymError
from teachgym.types import Data


@dataclass(frozen=True)
class Curve:
    """The losses by which two trainings are compared."""

    losses: list[float]
    """Mean loss per target token of each update of the first epoch, averaged over students."""
    mean: float
    """Mean loss per target token over all epochs, averaged over students."""

    @classmethod
    def mean_of(cls, curves: Sequence[Curve]) -> Curve:
        """Average the curves of several students that had equally many updates."""
        losses = np.mean([curve.losses for curve in curves], axis=0)
        return cls(losses.tolist(), float(np.mean([curve.mean for curve in curves])))


class System(Protocol):
    """A way to train and question students."""

    def prepare(self) -> None:
        """Prepare the process once, not timed. Raises ``ImportError`` if a package is missing."""

    def reset(self) -> None:
        """Restore the first state of every student, not timed."""

    def train(self, data: Sequence[Data]) -> Curve:
        """Fine-tune student k on ``data[k]``."""

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """Greedy answers of student k to ``prompts[k]``."""

    def unmoved(self) -> list[str]:
        """Names of trained tensors that still have the values of the last reset, not timed.

        AdamW without weight decay moves every tensor that had a gradient, so these had none.
        """


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time spent in a stage."""

    wall: float
    cpu: float
    """CPU seconds of this process and its finished children."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one round of one system."""

    training: Seconds
    answering: Seconds
    curve: Curve | None
    answers: list[list[str]]
    unmoved: Sequence[str] = ()
    """Names of trainable tensors that training did not change."""
    peak_bytes: int = 0
    """Peak GPU memory of all tensors, in bytes; 0 = on a CPU. What captured steps keep for their
    temporaries is not in it."""

    def total(self, clock: str) -> float:
        """Return the seconds of the whole round by a clock, ``wall`` or ``cpu``."""
        return float(getattr(self.training, clock) + getattr(self.answering, clock))


@dataclass
class Runs:
    """All rounds of one system."""

    name: str
    rounds: list[Outcome] = field(default_factory=list)
    trouble: str = ""
    """The reason why it cannot be compared: not installed, failed, or unequal work."""
    equal_tokens: float = float("nan")
    """Share of answer tokens that equal the reference's; nan without prompts."""
    loss_error: float = float("nan")
    """Largest relative difference of an update's loss from the reference's; nan if untrained."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest difference from the reference at which work counts as equal."""

    loss: float
    """Largest relative difference of the loss of any update."""
    tokens: float
    """Least share of equal answer tokens."""
    lengths: float
    """Largest share of answers that have another length than was forced."""


def clock_of(device: str) -> Literal["cpu", "wall"]:
    """The seconds by which systems are compared: of the CPU, and those that pass on a GPU."""
    return "cpu" if device == "cpu" else "wall"


TOLERANCES = {"cpu": Tolerance(1e-4, 1.0, 0.0), "cuda": Tolerance(5e-2, 0.0, 0.02)}
"""In bfloat16 other kernels give other tokens, so only the lengths of answers must agree; and of
some hundred answers one or two miss the token that would end them."""


@contextmanager
def timed(device: str) -> Iterator[list[Seconds]]:
    """A context that is timed; afterwards the list holds the time."""
    found: list[Seconds] = []
    _wait(device)
    wall, cpu = perf_counter(), _cpu_seconds()
    yield found
    _wait(device)
    found.append(Seconds(perf_counter() - wall, _cpu_seconds() - cpu))


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def play(system: System, material: Material) -> Outcome:
    """Play one round, in which every student is trained and answers its prompts."""
    curve: Curve | None = None
    answers: list[list[str]] = []
    system.reset()
    on_gpu = material.device == "cuda"
    if on_gpu:
        import torch

        torch.cuda.reset_peak_memory_stats()
    with timed(material.device) as training:
        if material.case.training:
            curve = system.train(material.data)
    with timed(material.device) as answering:
        if material.case.asking:
            answers = system.answer(material.prompts)
    unmoved = system.unmoved() if curve else ()
    peak = torch.cuda.max_memory_allocated() if on_gpu else 0
    return Outcome(training[0], answering[0], curve, answers, unmoved, peak)


def measure(
    material: Material,
    systems: Mapping[str, System],
    *,
    rounds: int,
) -> list[Runs]:
    """Warm up, then play ``rounds`` rounds in which the systems take turns.

    Args:
        material: the inputs of all systems.
        systems: by name.
        rounds: >= 1.
    """
    runs = {name: Runs(name) for name in systems}
    for name, system in systems.items():
        with _catching(runs[name]):
            system.prepare()
            # On a GPU our graphs are captured for the shapes of the whole round.
            whole = material.device == "cuda" and name.startswith(OWN)
            play(system, material if whole else material.beginning())
    gc.collect()
    gc.freeze()  # the Trainer collects garbage: do not charge it for what others have loaded
    for _ in range(rounds):
        for name, system in systems.items():
            if runs[name].trouble:
                continue
            with _catching(runs[name]):
                runs[name].rounds.append(play(system, material))
    gc.unfreeze()
    check(runs, material)
    return list(runs.values())


@contextmanager
def _catching(runs: Runs) -> Iterator[None]:
    """A context in which a failure of a system is noted, so that the others continue."""
    try:
        yield
    except ImportError as error:
        runs.trouble = f"not installed: {error}"
    except (RuntimeError, ValueError, OSError, TeachgymError) as error:
        runs.trouble = f"failed: {type(error).__name__}: {str(error).splitlines()[0]}"


def check(runs: Mapping[str, Runs], material: Material) -> None:
    """Compare the last round of each system with the reference's, and note where work differs."""
    reference = runs[material.case.reference]
    tolerance = TOLERANCES[material.device]
    for own in runs.values():
        if own.trouble:
            continue
        if unmoved := own.rounds[-1].unmoved:
            own.trouble = f"other work: {len(unmoved)} tensors had no gradient, as {unmoved[0]}"
            continue
        if reference.trouble:
            own.trouble = f"cannot be checked: {reference.name} has {reference.trouble}"
            continue
        compare(own, reference, tolerance=tolerance, lengths=material.answer_lengths)


def compare(
    own: Runs, reference: Runs, *, tolerance: Tolerance, lengths: Sequence[Sequence[int]]
) -> None:
    """Set the differences of ``own`` from ``reference``, and its trouble if they are too large."""
    mine, theirs = own.rounds[-1], reference.rounds[-1]
    if mine.curve and theirs.curve:
        own.trouble = _compare_curves(own, mine.curve, theirs.curve, tolerance.loss)
    if mine.answers and not own.trouble:
        n_wrong = sum(
            len(answer) + 1 != n
            for answers, wanted in zip(mine.answers, lengths, strict=False)
            for answer, n in zip(answers, wanted, strict=True)
        )
        pairs = zip(mine.answers, theirs.answers, strict=True)
        own.equal_tokens = share_of_equal_tokens(
            [pair for a, b in pairs for pair in zip(a, b, strict=True)]
        )
        if n_wrong > tolerance.lengths * sum(map(len, mine.answers)):
            own.trouble = f"other work: {n_wrong} answers have another length than was forced"
        elif own.equal_tokens < tolerance.tokens:
            own.trouble = f"other work: {own.equal_tokens:.4f} of the tokens equal {reference.name}"


def _compare_curves(own: Runs, mine: Curve, theirs: Curve, tolerance: float) -> str:
    if len(mine.losses) != len(theirs.losses):
        return f"other work: {len(mine.losses)} updates instead of {len(theirs.losses)}"
    a, b = (np.array([*curve.losses, curve.mean]) for curve in (mine, theirs))
    own.loss_error = float(np.max(np.abs(a - b) / np.abs(b)))
    if not own.loss_error <= tolerance:
        return f"other work: losses differ by {own.loss_error:.1e}, more than {tolerance:.0e}"
    return ""


def share_of_equal_tokens(pairs: Sequence[tuple[str, str]]) -> float:
    """Share of the longer answers' positions that have the same token; a character is a token.

    Example:
        >>> share_of_equal_tokens([("abc", "abd"), ("e", "e")])
        0.75
    """
    total = sum(max(len(a), len(b)) for a, b in pairs)
    equal = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    return equal / total if total else 1.0
