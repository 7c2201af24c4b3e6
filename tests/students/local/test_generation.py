"""Slots by memory, on a GPU that is made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from teachgym.students.local import generation
from teachgym.students.local.generation import _slots_that_fit
from tests.students.models import make_model


def test_slots_take_a_share_of_what_is_free_and_nothing_that_graphs_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 10 MB, 4 are kept for later tensors and 5 by graphs, whose memory nobody else can have.

    A position has 2 layers of keys and values of 2 heads of 8 numbers of 4 bytes, and a row 16
    bytes for each of 48 tokens: 100 * 256 + 768.
    """
    freed: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(True))
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda _: (5 * 10**6 if freed else 10**6, 10**7)
    )
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 9 * 10**6)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    monkeypatch.setattr(generation, "_GPU_SHARE", 0.5)
    network: Any = SimpleNamespace(device=torch.device("cuda"), model=make_model(), n_tokens=48)
    assert _slots_that_fit(network, 100) == 2_500_000 // (100 * 256 + 768)
