"""Attention with shared key heads, masks as summands, and copies of slots."""

from __future__ import annotations

import torch

from teachgym.students.local.attention import Decode, SlotCache, attend_in_groups, visible
from teachgym.students.local.scores import Scoring
from tests.students.waiting import Waiting


def test_grouped_heads_attend_as_repeated_ones() -> None:
    """Against torch's attention with every key head repeated for its group of query heads."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(5, n, m, 8, generator=generator) for n, m in ((6, 1), (2, 9), (2, 9)))
    mask = visible(torch.tensor([0, 3, 8, 5, 1]), 9)
    found = attend_in_groups(q, k, v, mask, Scoring(0.3))
    repeated = (x.repeat_interleave(3, dim=1) for x in (k, v))
    expected = torch.nn.functional.scaled_dot_product_attention(
        q, *repeated, attn_mask=mask, scale=0.3
    )
    torch.testing.assert_close(found, expected)


def test_what_is_added_to_scores_shows_what_the_mask_shows() -> None:
    """Made once for all layers of a step, where a GPU would make it in each."""
    positions = torch.tensor([0, 3, 1])
    plan = Decode(SlotCache(3, 4), torch.arange(3), positions, visible(positions, 4))
    added = plan._added(torch.bfloat16)
    inf = torch.inf
    rows = [[0, -inf, -inf, -inf], [0, 0, 0, 0], [0, 0, -inf, -inf]]
    assert added.dtype == torch.bfloat16
    assert added[:, 0, 0].tolist() == rows
    assert plan._added(torch.bfloat16) is added


def test_slots_are_copied_by_indices_that_are_brought_over_once() -> None:
    """Not once for each layer, for which a GPU would have to be waited for."""
    cache = SlotCache(4, 3)
    layers = [[torch.randn(4, 2, 1, 5) for _ in range(2)] for _ in range(3)]
    for number, (k, v) in enumerate(layers):
        for stored, new in zip(cache.layer(number, k, v), (k, v), strict=True):
            stored.copy_(new.expand(-1, -1, 3, -1))
    with Waiting() as waiting:
        cache.copy([0, 1], [3, 2], 2)
    assert waiting.found == ["aten.lift_fresh.default"] * 2
    for number, (k, v) in enumerate(layers):
        for stored, new in zip(cache.layer(number, k, v), (k, v), strict=True):
            assert torch.equal(stored[[3, 2], :, :2], new[[0, 1]].expand(-1, -1, 2, -1))
            assert torch.equal(stored[[3, 2], :, 2], new[[3, 2], :, 0])
