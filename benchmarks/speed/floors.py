"""Measure the hardware, and derive the time below which no code can get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teachgym.benchmarks.speed.material import Material
from teachgym.benchmarks.speed.measure import timed


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured rates of the hardware, each the best of several tries."""

    flops: float
    """Rate of a large matrix product in the precision of the run, FLOP/s."""
    bandwidth: float
    """Bytes read and written by a large copy, bytes/s."""
    itemsize: int
    """Bytes of a number in that precision."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Least seconds of a round if it were only arithmetic and traffic at the measured rates."""

    training: float
    answering: float


def probe(device: str, *, quick: bool = False) -> Rates:
    """Measure the rates of a GPU, or of a CPU with the threads that torch uses."""
    import torch

    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    n, length = (8192, 2**30) if device == "cuda" else (1024, 2**26)
    n, length = (128, 2**16) if quick else (n, length)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    source = torch.zeros(length, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Rates(
        flops=2 * n**3 / _least_seconds(lambda: a @ b, device),
        bandwidth=2 * length / _least_seconds(lambda: target.copy_(source), device),
        itemsize=a.itemsize,
    )


def _least_seconds(work: Callable[[], Any], device: str, tries: int = 10) -> float:
    """Return the seconds of the fastest of several tries."""
    seconds = []
    for _ in range(tries):
        with timed(device) as spent:
            work()
        seconds.append(spent[0].wall)
    return min(seconds)


def floor_of(material: Material, rates: Rates) -> Floor:
    """Return the floor of one round in which all students answer at once."""
    return Floor(_training_flops(material) / rates.flops, _answering_seconds(material, rates))


def _training_flops(material: Material) -> float:
    case = material.case
    if case.training is None:
        return 0.0
    flops = 0.0
    for own in material.data:
        lengths = [len(e.prompt) + len(e.target) for e in own]  # the end is not read
        n_targets = sum(len(e.target) + 1 for e in own)
        flops += material.shape.training_flops(lengths, n_targets, case.rank)
    return flops * case.training.epochs


def _answering_seconds(material: Material, rates: Rates) -> float:
    """Time to read all prompts, and then for each token its arithmetic or traffic, the longer one.

    A step reads all weights once, and the keys and values of the unfinished answers. Reading
    the prompt yields the first token of an answer.
    """
    shape = material.shape
    prompts = [len(p) for own in material.prompts for p in own]
    answers = [n for own in material.answer_lengths for n in own]
    seconds = shape.reading_flops(prompts) / rates.flops
    n_weights = shape.n_blocks + shape.n_head
    for step in range(1, max(answers, default=0)):
        rows = [p for p, a in zip(prompts, answers, strict=True) if a > step]
        cached = sum(rows) + step * len(rows)
        flops = 2 * n_weights * len(rows) + 4 * shape.layers * shape.hidden * cached
        traffic = (n_weights + cached * shape.cached_numbers()) * rates.itemsize
        seconds += max(flops / rates.flops, traffic / rates.bandwidth)
    return seconds
