"""Digests of weights: those of their bytes, whoever computes them."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
import torch

from teachgym.students.local import digests
from teachgym.students.local.digests import digests_of


def test_a_small_tensor_has_the_digest_of_its_bytes() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = [sha256(values.tobytes()).digest(), sha256(values.T.tobytes()).digest()]
    given = torch.from_numpy(values)
    assert digests_of([given, given.T]) == expected


def test_a_number_in_16_bits_is_read_as_its_two_bytes() -> None:
    one = torch.ones(1, dtype=torch.bfloat16)
    assert digests_of([one]) == [sha256(b"\x80\x3f").digest()]  # the upper half of 1.0 in 32 bits


@pytest.mark.parametrize("threads", [1, 3])
def test_large_ones_are_divided_and_their_parts_keep_their_order(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_PIECE", 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    values = np.arange(10, dtype=np.float32)
    parts = [values[:4], values[4:8], values[8:], values[:2]]
    found = digests_of([torch.from_numpy(values), torch.from_numpy(values[:2])])
    assert found == [sha256(part.tobytes()).digest() for part in parts]
