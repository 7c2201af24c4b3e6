"""What the speed benchmark measures: its workloads, shapes, and the floors of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speed_fakes import CASE, material

from teachgym.benchmarks import speed as program
from teachgym.benchmarks.speeds.shapes import SHAPES, Shape
from teachgym.benchmarks.speeds.systems import make_system
from teachgym.benchmarks.speeds.workloads import (
    CPU_CASES,
    CPU_GATES,
    QUICK_CASES,
    QUICK_GATES,
    Case,
    Gate,
    Lengths,
    Training,
    fixed,
)
from teachgym.benchmarks.speeds.workloads_gpu import GPU_CASES, GPU_GATES
from teachgym.errors import UnknownNameError

# -- workloads -------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 99),
    mean=st.integers(20, 100),
    spread=st.floats(0.1, 1.0),
    count=st.integers(8, 64),
)
def test_lengths_have_the_wanted_mean_within_their_range(
    seed: int, mean: int, spread: float, count: int
) -> None:
    lengths = Lengths(mean, 256, spread).draw(np.random.default_rng(seed), count)
    assert np.mean(lengths) == pytest.approx(mean, abs=0.51)  # each is rounded
    assert 4 <= min(lengths) <= max(lengths) <= 256


def test_the_packing_workload_is_the_one_promised() -> None:
    """96 examples, mean 86, at most 256 tokens; batches of 8 are 45 % full; 12 updates."""
    (case,) = (case for case in CPU_CASES if case.name == "packing")
    assert case.training is not None
    assert case.training.examples / case.training.batch == 12
    lengths = case.training.tokens.draw(np.random.default_rng((0, 2)), 96)
    assert np.mean(lengths) == pytest.approx(86, abs=0.5)
    assert max(lengths) == 256


@pytest.mark.parametrize(
    ("cases", "gates"),
    [(CPU_CASES, CPU_GATES), (GPU_CASES, GPU_GATES), (QUICK_CASES, QUICK_GATES)],
)
def test_every_name_in_the_workloads_means_something(
    cases: Sequence[Case], gates: Sequence[Gate]
) -> None:
    by_name = {case.name: case for case in cases}
    assert len(by_name) == len(cases)
    for case in cases:
        assert case.shape in SHAPES
        assert {case.reference, case.subject} <= set(case.systems)
        for name in case.systems:
            _, students = make_system(name, material(case))
            assert students <= case.students
    for gate in gates:
        assert gate.against in by_name[gate.case].systems


def test_all_six_workloads_exist_on_both_devices() -> None:
    for cases in (CPU_CASES, GPU_CASES):
        assert {case.workload for case in cases} == {f"W{i}" for i in range(1, 7)}


@pytest.mark.parametrize(
    ("name", "millions"), [("2M", 2), ("17M", 17), ("30M", 30), ("135M", 134), ("3B", 3086)]
)
def test_shapes_are_as_large_as_their_names_say(name: str, millions: float) -> None:
    """Within 5 %; models that tie their embeddings are counted once, as their makers do."""
    shape = SHAPES[name]
    embeddings = shape.n_head if name in ("135M", "3B") else 2 * shape.n_head
    assert (shape.n_blocks + embeddings) / 1e6 == pytest.approx(millions, rel=0.05)


def test_no_batch_spans_two_epochs() -> None:
    with pytest.raises(ValueError, match="no whole batches"):
        replace(CASE, training=Training(3, fixed(4), 2))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="W7"):
        program.select(CPU_CASES, ["W7"])
    with pytest.raises(UnknownNameError, match="slow"):
        make_system("slow", material())


# -- floors ----------------------------------------------------------------------------------

TOY = Shape("toy", hidden=2, intermediate=3, layers=1, heads=1, kv_heads=1, vocabulary=5)


def test_training_flops_by_hand() -> None:
    """Blocks 4 x 2*2 + 3 x 2*3 = 34 weights, head 10; adapter r=1: 4 x (2+2) + 3 x (2+3) = 31.

    Two texts of 1 and 3 tokens, 2 targets: 4 tokens x (4*34 + 6*31) = 1288; attention
    6 x 1 layer x width 2 x (1 + 9) = 120; head 4 x 10 x 2 = 80.
    """
    assert (TOY.n_blocks, TOY.n_head, TOY.n_adapter(1)) == (34, 10, 31)
    assert TOY.training_flops([1, 3], n_targets=2, rank=1) == 1288 + 120 + 80


def test_writing_is_bound_by_traffic_or_by_arithmetic() -> None:
    """Answers of 1 and 2 tokens to prompts of 1 and 3: one step with one row, 4 tokens cached.

    Traffic: 44 weights x 2 bytes + 4 x 2 x 2 numbers x 2 bytes... = 88 + 4 * 8 = 120 bytes.
    Arithmetic: 2 x 44 + 4 x 1 x 2 x 4 = 120 FLOPs.
    """
    assert TOY.kv_bytes(2) == 8
    slow_copy = TOY.writing_seconds([1, 3], [1, 2], flops=1e9, bandwidth=60.0, itemsize=2)
    slow_matmul = TOY.writing_seconds([1, 3], [1, 2], flops=40.0, bandwidth=1e9, itemsize=2)
    assert (slow_copy, slow_matmul) == (2.0, 3.0)
