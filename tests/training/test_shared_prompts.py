"""Responses to one prompt share it: read once, with the losses and gradients of texts apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.students.local.pool import StudentPool
from teachgym.training import packing
from teachgym.training.datum import Datum, Sampled
from teachgym.training.groups import Group, Response
from teachgym.training.losses import Loss, Targets, cross_entropy
from teachgym.training.packing import passes
from teachgym.training.updates import differentiate, score
from tests.students.models import make_pool

FIRST, SECOND = (5, 6, 7, 8), (9, 4)


class Advantage(Loss):
    """The advantage of each response times the cross entropy of its tokens."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        assert targets.sampled is not None
        return targets.weights * targets.sampled.advantages * cross_entropy(logits, targets)


def answered(prompt: Sequence[int], *answers: Sequence[int]) -> list[Datum]:
    """Sampled responses, the first with advantage 1, the second with 2, and so on."""
    group = Group(tuple(prompt), ())
    return [
        replace(group.datum(Response(tuple(answer))), sampled=Sampled(float(advantage)))
        for advantage, answer in enumerate(answers, 1)
    ]


GROUPS = [*answered(FIRST, (3, 2, 1), (4, 1), (1,)), *answered(SECOND, (2, 1), (7, 8, 9, 1))]


def test_a_prompt_is_read_once_and_each_response_without_its_last_token() -> None:
    """4 + 2 + 1 + 0 and 2 + 1 + 3 tokens in place of 6 + 5 + 4 and 3 + 5."""
    (one,) = passes([GROUPS], 100)
    assert one.n_read == (13,)
    assert sorted(one.texts) == [(), (2,), (3, 2), (4,), FIRST, (7, 8, 9), SECOND]
    for text, parent in zip(one.texts, one.parents, strict=True):
        assert parent is None or one.texts[parent] == (
            SECOND if text in ((2,), (7, 8, 9)) else FIRST
        )
    assert one.n_targets == (3 + 2 + 1 + 2 + 4,)


def test_data_that_nobody_sampled_are_read_as_before() -> None:
    plain = [replace(datum, sampled=None) for datum in GROUPS]
    (one,) = passes([plain], 100)
    assert one.parents == ()
    assert one.n_read == (23,)
    (alone,) = passes([answered(FIRST, (3, 1))], 100)
    assert alone.parents == ()


def measured(pool: StudentPool, batches: list[list[Datum]], budget: int) -> list[torch.Tensor]:
    """Losses, gradients and log-probabilities, these in the order of the data."""
    losses = differentiate(pool, batches, Advantage(), budget)
    gradients = [w.parameter.grad.clone() for w in pool.weights if w.parameter.grad is not None]
    told = {datum.identity: rows for datum, rows in score(pool, budget, batches)}
    return [losses, *gradients, *(told[d.identity] for batch in batches for d in batch)]


KINDS = [
    ("llama", 2, {}),
    ("qwen2", 2, {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 0}),
    ("gpt2", 1, {}),
]


@pytest.mark.sweep(5)
@pytest.mark.parametrize(("architecture", "count", "changes"), KINDS)
@pytest.mark.parametrize("budget", [5, 10, 100])
def test_losses_gradients_and_scores_are_those_of_texts_apart(
    architecture: str,
    count: int,
    changes: dict[str, Any],
    budget: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = make_pool(count, architecture=architecture, **changes)
    batches = [GROUPS, answered(FIRST, (2, 2, 1), (3, 1))][:count]
    shared = measured(pool, batches, budget)
    monkeypatch.setattr(packing, "_prompt", lambda datum: ())
    for found, wanted in zip(shared, measured(pool, batches, budget), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@given(
    prompts=st.lists(st.lists(st.integers(2, 20), min_size=1, max_size=6), max_size=4),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    budget=st.integers(1, 40),
)
@settings(max_examples=30, deadline=None)
def test_every_response_is_in_one_pass_and_passes_keep_their_budget(
    prompts: list[list[int]], lengths: list[int], budget: int
) -> None:
    batch = [d for prompt in prompts for d in answered(prompt, *([7] * n for n in lengths))]
    made = list(passes([batch], budget))
    assert sorted(d.identity for one in made for d in one.data) == sorted(d.identity for d in batch)
    for one in made:
        (n_read,) = one.n_read
        assert n_read == sum(map(len, one.texts))
        assert n_read <= budget or len(one.data) == 1
        assert len(one.rows) == sum(d.n_rows for d in one.data)


def test_more_than_attention_can_see_at_once_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MOST_TOGETHER", 12)
    (one,) = passes([answered(FIRST, (3, 2, 1), (4, 2, 1), (5, 1))], 100)
    assert [parent is None for parent in one.parents].count(True) == 2
    assert np.sum(one.n_read) == 4 + 1 + 2 + 6
