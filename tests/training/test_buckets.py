"""Passes filled up to a few sizes: what they look like, and that nothing else changes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from teachgym.students.local.pool import StudentPool
from teachgym.students.lora import LoRASettings
from teachgym.training.alm import Alm
from teachgym.training.buckets import Bucket, bucket_of, padded
from teachgym.training.datum import Datum, Text
from teachgym.training.distillation import Distillation
from teachgym.training.forward import differentiate_rows, reading_of
from teachgym.training.losses import Loss, Sft, Targets, TopK
from teachgym.training.packing import Pass, passes
from teachgym.training.preferences import Dpo, Redi, SimPo
from tests.students.models import make_pool, scatter_adapters

LOSSES: dict[str, Loss] = {
    "sft": Sft(),
    "dpo": Dpo(beta=0.5, sft_weight=0.3),
    "simpo": SimPo(),
    "redi": Redi(),
    "distillation": Distillation(divergence="jensen-shannon", sft_weight=0.5),
    "alm": Alm(sft_weight=0.5),
}


def text(ids: tuple[int, ...], sign: float = 1.0, place: int | None = 0) -> Text:
    """A prompt of one token or more, and a target that begins in its middle."""
    start = len(ids) // 2 or 1
    return Text(ids, tuple(sign * (i >= start) for i in range(len(ids))), place)


def told(datum: Datum, loss: Loss, draw: Any) -> Datum:
    """The datum with all that the loss must know of it."""
    n, needs = datum.n_rows, loss.needs
    floats = st.floats(-3.0, -0.125, width=32)
    several = tuple(draw(st.lists(floats, min_size=n, max_size=n)))
    teacher = None
    if needs.teacher and not needs.pieces:
        logprobs = torch.tensor([[-1.0, -2.0]] * n)
        teacher = TopK(torch.tensor([[3, 5]] * n).int(), logprobs, torch.full((n,), -0.7))
    pieces = tuple((1, x) for x in several) if needs.pieces else ()
    references = several if needs.references else ()
    return Datum(datum.texts, references, teacher, pieces)


@st.composite
def batches(draw: Any, loss: Loss) -> list[list[Datum]]:
    """Batches of one to three students, of which one may have nothing."""
    ids = st.lists(st.integers(2, 30), min_size=2, max_size=20).map(tuple)

    def datum() -> Datum:
        texts = [text(draw(ids))]
        if loss.needs.rejected and (draw(st.booleans()) or not loss.needs.unpaired):
            texts.append(text(draw(ids), -1.0, None))
        return told(Datum(tuple(texts)), loss, draw)

    first = [[datum() for _ in range(draw(st.integers(1, 4)))]]
    others = [
        [datum() for _ in range(draw(st.integers(0, 4)))] for _ in range(draw(st.integers(0, 2)))
    ]
    return first + others


@cache
def pool_of(count: int, adapted: bool) -> StudentPool:
    """A pool in 64 bits, in which sums hardly depend on how they are computed."""
    pool = make_pool(count, lora=LoRASettings(rank=2, dropout=0.0) if adapted else None)
    scatter_adapters(pool)
    pool.network.model.double()
    return pool


def gradients(pool: StudentPool, one: Pass, loss: Loss, sizes: Bucket | None) -> Any:
    """The losses of the rows of the data, and all gradients."""
    pool.network.model.zero_grad()
    reading = padded(one, sizes).reading(sizes) if sizes else reading_of(one, pool.network.device)
    n = len(reading.rows)
    (rows,) = differentiate_rows(pool, reading, loss, [(0, n)])
    rows = rows[reading.targets.weights != 0]
    found = [torch.zeros_like(w.values) if w.grad is None else w.grad.clone() for w in pool.weights]
    pool.network.model.zero_grad()
    return rows, found


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.data())
def test_a_padded_pass_has_the_losses_and_gradients_of_the_pass(
    name: str, data: st.DataObject
) -> None:
    """To 1e-6 of the largest; logits become 32-bit numbers on the way."""
    loss = LOSSES[name]
    now = data.draw(batches(loss))
    pool = pool_of(len(now), data.draw(st.booleans()))
    for one in passes(now, 64):
        plain, exact = gradients(pool, one, loss, None)
        filled, found = gradients(pool, one, loss, bucket_of(one))
        torch.testing.assert_close(filled, plain, rtol=1e-6, atol=1e-6)
        largest = max(float(g.abs().max()) for g in exact)
        for ours, theirs in zip(found, exact, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6 * max(1.0, largest))


def test_what_is_filled_up_is_known_by_hand() -> None:
    """Two students read 3 + 1 and 2 tokens, of which 2 + 1 and 1 are followed by a target.

    In a bucket of 6 tokens, 4 rows, texts of at most 3 and 8 texts, the first student's 4 tokens
    are followed by a text of 2, the second's 2 by one of 3 and one of 1; places in texts start
    anew. Rows that are filled up read the first token of their student.
    """
    now = [
        [
            Datum((Text((5, 6), (0.0, 1.0)),)),
            Datum((Text((7, 8, 9, 1), (0.0, 0.0, 1.0, 1.0)),)),
        ],
        [Datum((Text((2, 3, 4), (0.0, 0.0, 1.0)),))],
    ]
    (one,) = passes(now, 100)
    made = padded(one, Bucket(tokens=6, rows=4, longest=3, texts=8))
    assert made.ids.tolist() == [[5, 7, 8, 9, 0, 0, 2, 3, 0, 0, 0, 0]]
    assert made.positions.tolist() == [[0, 0, 1, 2, 0, 1, 0, 1, 0, 1, 2, 0]]
    assert made.ends.tolist() == [0, 1, 4, 6, 8, 11, 12, 12, 12]
    assert made.numbers.tolist() == [0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5]
    assert made.rows.tolist() == [0, 2, 3, 0, 7, 6, 6, 6]
    targets = made.targets
    assert targets.labels.tolist() == [6, 9, 1, 0, 4, 0, 0, 0]
    assert targets.weights.tolist() == pytest.approx([1 / 3] * 3 + [0] + [1] + [0] * 3)
    assert targets.groups.tolist() == [0, 1, 1, 2, 3, 4, 4, 4]
    assert targets.counts.tolist() == [1, 2, 1, 1, 3, 0, 0, 0]
    assert targets.lengths.tolist() == targets.counts.tolist()


@given(st.integers(1, 10**5), st.integers(0, 10**5), st.integers(1, 3000))
def test_sizes_hold_what_is_filled_up_and_are_little_larger(a: int, b: int, longest: int) -> None:
    """At most a quarter above the most tokens of a student, or less than the smallest size."""
    longest = min(longest, a)
    texts = [(0,) * longest] * (a // longest) + [(0,) * (a % longest)]
    texts += [(0,) * longest] * (b // longest) + [(0,) * (b % longest)]
    none = torch.zeros(0, dtype=torch.long)
    told = Targets(none, none, none, none, none, none)
    sizes = bucket_of(Pass((), tuple(texts), (0, 0), (a, b), (a, b), none, told))
    most = max(a, b)
    assert most <= sizes.tokens <= max(1.25 * most, most + 63)
    assert most <= sizes.rows <= max(1.25 * most, most + 15)
    assert longest <= sizes.longest <= max(1.5 * longest, longest + 15)
    filling = sum((sizes.tokens - n) // sizes.longest + 1 for n in (a, b))
    assert len(texts) + filling <= sizes.texts
