"""Workloads W1 to W6 at the sizes of real students, and what is hoped for on one H200."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.benchmarks.speeds.workloads import (
    EAGER,
    GENEROUS,
    HF,
    LOOP,
    ONE_BY_ONE,
    OWN,
    REAL,
    SPREAD,
    STRICT,
    TRL,
    TRL_PACKED,
    VLLM,
    Asking,
    Case,
    Gate,
    Lengths,
    Training,
    batches_of,
    fixed,
    of_students,
)

STUDENTS = ("135M", "0.5B", "1.7B", "3B")
_ANSWERS = Lengths(120, 256, SPREAD)


def _cycle(shape: str, examples: int, systems: tuple[str, ...], rounds: int) -> Case:
    return Case(
        f"cycle-{shape}-{examples}",
        "W1",
        f"Whole cycle: {examples} examples of mean 200 tokens, 3 epochs, then 512 answers",
        shape,
        systems,
        LOOP,
        training=Training(examples, Lengths(200, 1024, SPREAD), batch=16, epochs=3),
        asking=Asking(512, fixed(128), _ANSWERS),
        rank=16,
        rounds=rounds,
    )


def _floor(shape: str) -> Case:
    return Case(
        f"floor-{shape}",
        "W2",
        "1,008 examples of 512 tokens, 3 epochs, then 512 answers of 256 tokens",
        shape,
        (OWN, EAGER, VLLM),
        OWN,
        training=Training(1008, fixed(512), batch=16, epochs=3),
        asking=Asking(512, fixed(128), fixed(256)),
        rank=16,
        rounds=2,
    )


def _vector(shape: str, *, eager: bool) -> Case:
    counts = (1, 2, 4, 8, 16)
    systems = tuple(of_students(k, eager=eager) for k in counts)
    return Case(
        f"vector-{shape}" + ("-eager" if eager else ""),
        "W3",
        "K students: 128 examples of 256 tokens, batch 16, then 64 answers of 64 tokens, each"
        + (", without CUDA graphs" if eager else ""),
        shape,
        systems,
        systems[-1],
        subject=systems[0],
        training=Training(128, fixed(256), batch=16),
        asking=Asking(64, fixed(128), fixed(64)),
        students=16,
        rank=16,
    )


def _evaluation(shape: str, prompts: int, *, prompt: int, shared: int) -> Case:
    return Case(
        f"evaluation-{shape}-{prompts}-{prompt}",
        "W6",
        f"{prompts} answers of mean 120 to prompts of {prompt} tokens, {shared} of them shared",
        shape,
        (OWN, EAGER, batches_of(64), VLLM),
        batches_of(64),
        asking=Asking(prompts, fixed(prompt), _ANSWERS, shared=shared),
        rank=16,
        rounds=2,
    )


_ALL = (OWN, EAGER, TRL, TRL_PACKED, HF, LOOP, VLLM)

GPU_CASES: tuple[Case, ...] = (
    _cycle("135M", 128, _ALL, 2),
    _cycle("0.5B", 128, (*_ALL, REAL, GENEROUS), 2),
    # All systems of a case are resident at once; no more of these fit beside their activations.
    *(_cycle(s, 128, (OWN, TRL, LOOP), 2) for s in ("1.7B", "3B")),
    *(_cycle(s, 1008, (OWN, TRL, LOOP), 2) for s in STUDENTS),
    _cycle("0.5B", 4000, (OWN, LOOP), 1),
    *map(_floor, STUDENTS),
    *(_vector(s, eager=e) for s in ("135M", "0.5B") for e in (False, True)),
    Case(
        "stacked-4096",
        "W3",
        "Training 8 students, 4,096 tokens a student and update",
        "135M",
        (OWN, STRICT, ONE_BY_ONE, LOOP),
        LOOP,
        training=Training(128, fixed(256), batch=16),
        students=8,
        rank=16,
    ),
    *(
        Case(
            f"overhead-{shape}",
            "W4",
            "Tiny step: 16 examples of mean 128 tokens, then 64 answers of 32",
            shape,
            (OWN, EAGER, TRL, HF, LOOP),
            LOOP,
            training=Training(16, Lengths(128, 512, SPREAD), batch=16),
            asking=Asking(64, fixed(64), fixed(32)),
            rank=16,
        )
        for shape in ("135M", "0.5B")
    ),
    *(
        Case(
            "episode-accumulate" if accumulate else "episode-continue",
            "W5",
            "Ten steps of 112 examples of mean 200 tokens and 512 answers, "
            + ("each from the start on all examples so far" if accumulate else "going on"),
            "0.5B",
            (OWN, LOOP),
            LOOP,
            training=Training(112, Lengths(200, 1024, SPREAD), batch=16),
            asking=Asking(512, fixed(128), _ANSWERS),
            rank=16,
            steps=10,
            accumulate=accumulate,
            rounds=1,
        )
        for accumulate in (False, True)
    ),
    _evaluation("0.5B", 64, prompt=64, shared=0),
    _evaluation("0.5B", 512, prompt=64, shared=0),
    _evaluation("0.5B", 512, prompt=512, shared=448),
    _evaluation("0.5B", 5000, prompt=64, shared=0),
    _evaluation("3B", 512, prompt=64, shared=0),
)

GPU_GATES = (
    Gate("cycle-0.5B-128", "whole cycle against subprocesses", REAL, 30.0),
    Gate("cycle-0.5B-128", "whole cycle against generous subprocesses", GENEROUS, 5.0),
    Gate("cycle-0.5B-128", "whole cycle against TRL and generate", TRL, 2.5),
    Gate("stacked-4096", "8 students stacked, training, 135M", LOOP, 2.5),
    Gate("evaluation-0.5B-512-64", "evaluation against vLLM, 0.5B", VLLM, 1.0),
    Gate("evaluation-3B-512-64", "evaluation against vLLM, 3B", VLLM, 0.7),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is hoped for in the W2 case of a student on one H200."""

    case: str
    seconds: float
    """Of the whole cycle, at most."""
    share: float
    """Of the matmul rate while training, at least."""
    tokens_per_second: float
    """While answering, at least."""


GOALS = (
    Goal("floor-135M", 4.5, 0.35, 150e3),
    Goal("floor-0.5B", 11.5, 0.40, 140e3),
    Goal("floor-1.7B", 36.0, 0.45, 26e3),
    Goal("floor-3B", 60.0, 0.45, 35e3),
)
