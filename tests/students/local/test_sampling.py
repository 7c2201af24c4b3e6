"""Samples that end early: where they must be shorter than others, and at stop strings."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.benchmarks.models.tokenizers import make_subword_tokenizer
from teachgym.students.local.decoding import Request, SlotDecoder
from teachgym.students.local.generation import rules_for, uniforms
from teachgym.students.local.layout import Layout
from teachgym.students.texts import Texts
from tests.students.models import make_pool

N_NEW = 12


@pytest.mark.parametrize("n_slots", [1, 3, 64])
def test_a_question_may_have_a_shorter_answer_than_others(n_slots: int) -> None:
    """Its first tokens; slots go from short answers to long ones, which move."""
    pool, rng = make_pool(max_new_tokens=N_NEW), np.random.default_rng(0)
    prompts = [tuple(rng.integers(3, 40, rng.integers(1, 20)).tolist()) for _ in range(8)]
    most = [5, None, 3, 12, None, 2, 1, 5]
    rules = rules_for(pool.texts, pool.network.n_tokens)

    def sampled(n_slots: int, most: list[int | None]) -> list[list[int]]:
        decoder = SlotDecoder(
            pool.network, Layout(1), n_slots=n_slots, length=40, max_new_tokens=N_NEW
        )
        asked = [
            Request(ids, uniforms(0, "", number, N_NEW), longest)
            for number, (ids, longest) in enumerate(zip(prompts, most, strict=True))
        ]
        (answers,) = decoder.answer_all([asked], rules)
        return answers

    whole = sampled(8, [None] * 8)
    assert sampled(n_slots, most) == [ids[:m] for ids, m in zip(whole, most, strict=True)]
    assert max(map(len, whole)) == N_NEW


def test_a_stop_string_of_one_character_may_be_spread_over_tokens() -> None:
    """The two bytes of é are tokens of their own where no text had it."""
    tokenizer = make_subword_tokenizer(["ab"], 300)
    made = rules_for(Texts(tokenizer, 64), len(tokenizer), stop=("é",))
    *first, last = tokenizer("aé", add_special_tokens=False)["input_ids"]
    assert len(first) == 2
    assert not made.complete(first)
    assert made.complete([*first, last])
