"""Attention within packed texts on every torch, by stand-ins that take what its kernel took."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from teachgym.students.local.attention import Packed
from teachgym.students.local.scores import Scoring
from teachgym.students.local.varlen import attend_to_own
from tests.students.local.test_kernels import Named

LENGTHS = (3, 1, 9, 4)
T = torch.Tensor


def kernel(
    q: T, k: T, v: T, ends: T, before: int, scale: float | None, *, shared: bool = False
) -> T:
    """What all versions compute, text by text, with boolean masks."""
    if q.shape[1] != k.shape[1]:
        assert shared, "this version has no shared key heads"
    assert q.shape[2] == k.shape[2] == v.shape[2], "heads of one size"
    pieces = []
    for start, stop in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        own = [x[start:stop].transpose(0, 1) for x in (q, k, v)]
        mask = torch.ones(stop - start, stop - start, dtype=torch.bool).tril()
        if before >= 0:
            mask = mask.triu(-before)
        out = torch.nn.functional.scaled_dot_product_attention(
            *own, attn_mask=mask, scale=scale, enable_gqa=shared
        )
        pieces.append(out.transpose(0, 1))
    return torch.cat(pieces)


def torch_2_10(
    query: T, key: T, value: T, cu_seq_q: T, cu_seq_k: T, max_q: int, max_k: int,
    is_causal: bool = False, return_aux: Any = None,
) -> T:  # fmt: skip
    assert is_causal
    return kernel(query, key, value, cu_seq_q, -1, None)


def torch_2_11(
    query: T, key: T, value: T, cu_seq_q: T, cu_seq_k: T, max_q: int, max_k: int,
    *, return_aux: Any = None, scale: float | None = None, window_size: tuple[int, int] = (-1, -1),
) -> T:  # fmt: skip
    assert window_size[1] == 0
    shared = query.shape[1] != key.shape[1]  # without being told, as was tried on an H200
    return kernel(query, key, value, cu_seq_q, window_size[0], scale, shared=shared)


def torch_2_12(
    query: T, key: T, value: T, cu_seq_q: T, cu_seq_k: T, max_q: int, max_k: int,
    *, return_aux: Any = None, scale: float | None = None, window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False, seqused_k: T | None = None,
) -> T:  # fmt: skip
    assert window_size[1] == 0
    return kernel(query, key, value, cu_seq_q, window_size[0], scale, shared=enable_gqa)


def drawn(seed: int, n_heads: int, n_groups: int, d_value: int) -> tuple[T, T, T, T]:
    """Queries, keys and values of heads of size 8, (1, heads, T, 8), and where texts end."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (n_heads, 8), (n_groups, 8), (n_groups, d_value)
    q, k, v = (
        torch.randn(1, sum(LENGTHS), *shape, generator=generator).transpose(1, 2)
        for shape in shapes
    )
    return q, k, v, torch.tensor([0, *LENGTHS], dtype=torch.int32).cumsum(0, dtype=torch.int32)


@pytest.mark.parametrize("version", [torch_2_10, torch_2_11, torch_2_12])
@pytest.mark.parametrize(("n_heads", "n_groups", "d_value"), [(4, 4, 8), (6, 2, 8), (4, 4, 5)])
@pytest.mark.parametrize(
    "scoring", [Scoring(), Scoring(0.3), Scoring(window=4), Scoring(0.7, window=50)]
)
def test_every_version_computes_what_the_processor_does_or_declines(
    version: Any, n_heads: int, n_groups: int, d_value: int, scoring: Scoring
) -> None:
    q, k, v, ends = drawn(n_heads, n_heads, n_groups, d_value)
    found = attend_to_own(q, k, v, ends, max(LENGTHS), scoring, kernel=version)
    if version is torch_2_10 and scoring.window == 4:
        assert found is None
        return
    expected = Packed(LENGTHS, q.device).attend(0, q, k, v, scoring)
    assert found is not None
    torch.testing.assert_close(found, expected)


def test_gradients_are_handed_on_as_they_are() -> None:
    """An index into the one row would have them written into zeros first, in every layer."""
    *inputs, ends = drawn(0, 4, 4, 8)
    q, k, v = (x.requires_grad_() for x in inputs)
    found = attend_to_own(q, k, v, ends, max(LENGTHS), Scoring(), kernel=torch_2_12)
    assert found is not None
    with Named() as named:
        found.sum().backward()  # type: ignore[no-untyped-call]
    assert "select_backward" not in named.names


@pytest.mark.parametrize(
    "scoring", [Scoring(softcap=5.0), Scoring(sinks=torch.zeros(4)), Scoring(dropout=0.1)]
)
def test_what_no_kernel_has_is_declined(scoring: Scoring) -> None:
    q, k, v, ends = drawn(0, 4, 4, 8)
    assert attend_to_own(q, k, v, ends, max(LENGTHS), scoring, kernel=torch_2_12) is None


def test_a_torch_without_the_kernel_declines() -> None:
    q, k, v, ends = drawn(0, 4, 4, 8)
    assert attend_to_own(q, k, v, ends, max(LENGTHS), Scoring(), kernel=None) is None
