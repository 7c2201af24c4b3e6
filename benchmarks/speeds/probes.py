"""What the hardware can do: the matmul and copy rates that floors are computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from teachgym.benchmarks.speeds.material import Material


@dataclass(frozen=True, slots=True)
class Rates:
    """Best of several tries, in the same run as everything else."""

    flops: float
    """Of a large matrix product in the precision of the run, FLOP/s."""
    bandwidth: float
    """Bytes read and written by a large copy, bytes/s."""
    itemsize: int
    """Bytes of a number in that precision."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Seconds that no code can go below."""

    training: float
    answering: float

    @property
    def total(self) -> float:
        """Of the whole round."""
        return self.training + self.answering


def probe(device: str, *, quick: bool = False) -> Rates:
    """Measure the rates of ``device`` with one thread, or on a GPU."""
    import torch

    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    n, length = (8192, 2**30) if device == "cuda" else (1024, 2**26)
    n, length = (128, 2**16) if quick else (n, length)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    source = torch.zeros(length, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Rates(
        flops=2 * n**3 / _best(lambda: a @ b, device),
        bandwidth=2 * length / _best(lambda: target.copy_(source), device),
        itemsize=a.itemsize,
    )


def _best(work: Callable[[], Any], device: str, tries: int = 10) -> float:
    """Seconds of the fastest of several tries."""
    import torch

    seconds = []
    for _ in range(tries):
        started = perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - started)
    return float(np.min(seconds))


def floor(material: Material, rates: Rates, students: int) -> Floor:
    """The floor of one round of the first ``students`` of a case, answering all at once."""
    flops = sum(_training_flops(material, own) for own in material.data[:students])
    prompts = [len(p) for own in material.prompts[:students] for p in own]
    answers = [n for own in material.answer_lengths[:students] for n in own]
    reading = material.shape.reading_flops(prompts) / rates.flops
    writing = material.shape.writing_seconds(
        prompts, answers, flops=rates.flops, bandwidth=rates.bandwidth, itemsize=rates.itemsize
    )
    return Floor(flops / rates.flops, (reading + writing) * material.case.steps)


def _training_flops(material: Material, steps: Any) -> float:
    case = material.case
    if case.training is None:
        return 0.0
    flops = 0.0
    for number, own in enumerate(steps):
        # An example is read again in every later step if data is accumulated.
        times = case.training.epochs * (len(steps) - number if case.accumulate else 1)
        lengths = [len(e.prompt) + len(e.target) for e in own]  # the end is not read
        n_targets = sum(len(e.target) + 1 for e in own)
        flops += times * material.shape.training_flops(lengths, n_targets, case.rank)
    return flops
