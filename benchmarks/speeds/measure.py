"""Systems side by side: rounds are interleaved, work is checked to be equal, times are compared."""

from __future__ import annotations

import gc
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Protocol

import numpy as np

from teachgym.benchmarks.speeds.material import Material
from teachgym.errors import TeachgymError
from teachgym.types import Data


@dataclass(frozen=True)
class Curve:
    """What shows that two systems trained alike."""

    losses: list[float]
    """Mean loss per target token of every update, a mean over students."""
    n_targets: int
    """Target tokens trained on, all students together."""

    @classmethod
    def mean(cls, curves: Sequence[Curve]) -> Curve:
        """Of several students with as many updates each."""
        losses = np.mean([curve.losses for curve in curves], axis=0)
        return cls(losses.tolist(), sum(curve.n_targets for curve in curves))

    def followed_by(self, other: Curve) -> Curve:
        """The updates of both, one after the other."""
        return Curve([*self.losses, *other.losses], self.n_targets + other.n_targets)


class System(Protocol):
    """A way to train and question students."""

    @property
    def is_resident(self) -> bool:
        """Whether anything stays in memory from one step to the next, so that warming up helps."""

    def prepare(self) -> None:
        """What a process does once, not timed. Raises ``ImportError`` if something is missing."""

    def reset(self) -> None:
        """Put every student back to its start, not timed."""

    def train(self, data: Sequence[Data]) -> Curve:
        """Fine-tune student k on ``data[k]``."""

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """Greedy answers of student k to ``prompts[k]``."""

    def close(self) -> None:
        """Let go of memory."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time spent."""

    wall: float
    cpu: float
    """Of this process and its finished children."""

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(frozen=True)
class Outcome:
    """One round of one system."""

    training: Seconds
    answering: Seconds
    curve: Curve | None
    answers: list[list[str]]

    @property
    def total(self) -> Seconds:
        """Of the whole round."""
        return self.training + self.answering


@dataclass
class Runs:
    """All rounds of one system."""

    name: str
    students: int
    rounds: list[Outcome] = field(default_factory=list)
    trouble: str = ""
    """Why there is nothing to compare: not installed, failed, or other work than the reference."""
    equal_tokens: float = float("nan")
    """Share of answer tokens that equal the reference's; nan if nothing was asked."""
    loss_error: float = float("nan")
    """Largest relative difference of an update's loss from the reference's; nan if untrained."""
    peak_bytes: int = 0
    """Most GPU memory in use, whatever else was resident included; 0 on a CPU."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a system may be from the reference and still count as doing the same work."""

    loss: float
    """Relative, of every update's loss."""
    tokens: float
    """Share of answer tokens that must be equal."""


TOLERANCES = {"cpu": Tolerance(1e-4, 1.0), "cuda": Tolerance(5e-2, 0.0)}
"""In bfloat16 another kernel writes other tokens; answers must then have the same lengths."""


@contextmanager
def timed(device: str) -> Iterator[list[Seconds]]:
    """Within: the clock runs; the list holds the time afterwards."""
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


def play(system: System, material: Material, students: int) -> Outcome:
    """One round: every step of the case, trained and questioned."""
    case = material.case
    data, prompts = material.data[:students], material.prompts[:students]
    training = answering = Seconds(0.0, 0.0)
    curve: Curve | None = None
    answers: list[list[str]] = []
    system.reset()
    for step in range(case.steps):
        if case.training:
            now = [own[step] for own in data]
            if case.accumulate and step:
                system.reset()
                now = [sum(own[: step + 1], ()) for own in data]
            with timed(material.device) as seconds:
                found = system.train(now)
            training += seconds[0]
            curve = curve.followed_by(found) if curve else found
        if case.asking:
            with timed(material.device) as seconds:
                answers = system.answer(prompts)
            answering += seconds[0]
    return Outcome(training, answering, curve, answers)


def measure(
    material: Material,
    systems: Mapping[str, tuple[System, int]],
    *,
    rounds: int,
    say: Callable[[str], None],
) -> list[Runs]:
    """Warm up, then ``rounds`` rounds in each of which every system has its turn.

    Args:
        material: what they work on.
        systems: by name, each with the number of students it plays.
        rounds: >= 1.
        say: told what is being done.
    """
    runs = {name: Runs(name, students) for name, (_, students) in systems.items()}
    # On a GPU shapes matter: graphs are captured for those of the whole round.
    warm_up = material if material.device == "cuda" else material.beginning()
    for name, (system, students) in systems.items():
        say(f"{name}: loading and warming up")
        with _catching(runs[name]):
            system.prepare()
            if system.is_resident:
                play(system, warm_up, students)
    gc.collect()
    gc.freeze()  # the Trainer collects garbage: do not charge it for what others have loaded
    for number in range(1, rounds + 1):
        for name, (system, students) in systems.items():
            if runs[name].trouble:
                continue
            say(f"{name}: round {number} of {rounds}")
            with _catching(runs[name]), _memory(runs[name], material.device):
                runs[name].rounds.append(play(system, material, students))
    gc.unfreeze()
    for system, _ in systems.values():
        system.close()
    check(runs, material)
    return list(runs.values())


@contextmanager
def _catching(runs: Runs) -> Iterator[None]:
    """A system that fails is reported, and the others go on."""
    try:
        yield
    except ImportError as error:
        runs.trouble = f"not installed: {error}"
    except (RuntimeError, ValueError, OSError, TeachgymError) as error:
        runs.trouble = f"failed: {type(error).__name__}: {str(error).splitlines()[0]}"
    except subprocess.CalledProcessError as error:
        runs.trouble = f"failed: {(error.stderr or str(error)).strip().splitlines()[-1]}"


@contextmanager
def _memory(runs: Runs, device: str) -> Iterator[None]:
    if device != "cuda":
        yield
        return
    import torch

    torch.cuda.empty_cache()  # what the last system has freed
    torch.cuda.reset_peak_memory_stats()
    yield
    runs.peak_bytes = max(runs.peak_bytes, torch.cuda.max_memory_allocated())


def check(runs: Mapping[str, Runs], material: Material) -> None:
    """Compare the last round of each system with the reference's; trouble where work differs."""
    reference = runs[material.case.reference]
    tolerance = TOLERANCES[material.device]
    for own in runs.values():
        if own.trouble:
            continue
        if reference.trouble:
            own.trouble = f"cannot be checked: {reference.name} has {reference.trouble}"
            continue
        compare(own, reference, tolerance=tolerance, lengths=material.answer_lengths)


def compare(
    own: Runs, reference: Runs, *, tolerance: Tolerance, lengths: Sequence[Sequence[int]]
) -> None:
    """Fill in how far ``own`` is from ``reference``, and whether that is too far.

    A curve is compared only between systems with as many students, since it is their mean.
    """
    mine, theirs = own.rounds[-1], reference.rounds[-1]
    if mine.curve and theirs.curve and own.students == reference.students:
        own.trouble = _compare_curves(own, mine.curve, theirs.curve, tolerance.loss)
    if mine.answers and not own.trouble:
        n_wrong = sum(
            len(answer) + 1 != n
            for answers, wanted in zip(mine.answers, lengths, strict=False)
            for answer, n in zip(answers, wanted, strict=True)
        )
        pairs = zip(mine.answers, theirs.answers, strict=False)
        own.equal_tokens = share_of_equal_tokens(
            [pair for a, b in pairs for pair in zip(a, b, strict=True)]
        )
        if n_wrong:
            own.trouble = f"other work: {n_wrong} answers have another length than was forced"
        elif own.equal_tokens < tolerance.tokens:
            own.trouble = f"other work: {own.equal_tokens:.4f} of the tokens equal {reference.name}"


def _compare_curves(own: Runs, mine: Curve, theirs: Curve, tolerance: float) -> str:
    if len(mine.losses) != len(theirs.losses):
        return f"other work: {len(mine.losses)} updates instead of {len(theirs.losses)}"
    if mine.n_targets != theirs.n_targets:
        return f"other work: {mine.n_targets} target tokens instead of {theirs.n_targets}"
    a, b = np.array(mine.losses), np.array(theirs.losses)
    own.loss_error = float(np.max(np.abs(a - b) / np.abs(b)))
    if not own.loss_error <= tolerance:
        return f"other work: losses differ by {own.loss_error:.1e}, more than {tolerance:.0e}"
    return ""


def share_of_equal_tokens(pairs: Sequence[tuple[str, str]]) -> float:
    """Positions with the same token, of those of the longer answer; a character is a token.

    Example:
        >>> share_of_equal_tokens([("abc", "abd"), ("e", "e")])
        0.75
    """
    total = sum(max(len(a), len(b)) for a, b in pairs)
    equal = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    return equal / total if total else 1.0
