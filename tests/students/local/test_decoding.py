"""Slots: the tokens of ``generate``, whatever the order, the number of slots and the company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.students.local.attention import attend_in_groups, visible
from teachgym.students.local.decoding import DecodingRules, Request, SlotDecoder
from teachgym.students.local.generation import rules_for, uniforms
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network
from teachgym.students.local.scores import Scoring
from teachgym.students.lora import LoRASettings
from teachgym.students.texts import Texts
from teachgym.types import Prompt
from tests.students.models import (
    ARCHITECTURES,
    generate_with_transformers,
    make_model,
    make_pool,
    scatter_adapters,
    students_of,
)

N_NEW = 12


def random_prompts(count: int, seed: int = 0, longest: int = 20) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(3, 40, rng.integers(1, longest)).tolist() for _ in range(count)]


def rules(*ends: int, n_tokens: int = len(make_tokenizer()), **others: Any) -> DecodingRules:
    flags = torch.zeros(n_tokens, dtype=torch.bool)
    flags[list(ends)] = True
    return DecodingRules(flags, **others)


def decode(
    model: Any, prompts: Sequence[Sequence[int]], n_slots: int, **others: Any
) -> list[list[int]]:
    decoder = SlotDecoder(
        Network(model), Layout(1), n_slots=n_slots, length=40, max_new_tokens=N_NEW, **others
    )
    (answers,) = decoder.answer_all([[Request(tuple(p)) for p in prompts]], rules(1))
    return answers


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("n_slots", [1, 5, 64])
def test_tokens_are_those_of_generate(architecture: str, n_slots: int) -> None:
    """Forty prompts of 1 to 19 tokens; some answers end early, so slots are refilled unevenly."""
    model, prompts = make_model(architecture), random_prompts(40)
    expected = generate_with_transformers(model, prompts, N_NEW)
    assert len({len(answer) for answer in expected}) > 2
    assert len({token for answer in expected for token in answer}) > 10
    assert decode(model, prompts, n_slots) == expected


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


def test_looking_rarely_at_what_is_finished_changes_no_token() -> None:
    model, prompts = make_model(), random_prompts(30)
    assert decode(model, prompts, 4, n_steps=8) == decode(model, prompts, 4)


@pytest.mark.parametrize("lora", [LoRASettings(rank=4), None])
def test_students_of_a_pool_answer_as_each_would_alone(lora: LoRASettings | None) -> None:
    """Three different students with 7, 0 and 12 prompts, against merged models and ``generate``."""
    pool = make_pool(3, lora=lora)
    scatter_adapters(pool)
    prompts = [random_prompts(7, 1), [], random_prompts(12, 2)]
    questions = [[Request(tuple(p)) for p in own] for own in prompts]
    found = pool.answer(questions, rules(1))
    for student, own in enumerate(prompts):
        model = merged(pool, student) if lora else pool.plain_model(student)
        assert found[student] == generate_with_transformers(model, own, N_NEW)
    assert found[0] != found[2][:7]


def merged(pool: Any, student: int) -> Any:
    """The plain model of a student with adapters, made with nothing but addition."""
    model = make_model()
    for name, layer in pool.adapters.items():
        delta = layer.scale * (layer.lora_A[student] @ layer.lora_B[student]).T
        model.get_submodule(name).weight.data.add_(delta.detach())
    return model


def test_many_questions_are_answered_with_merged_weights_and_the_same_tokens() -> None:
    pool = make_pool(2, lora=LoRASettings(rank=4))
    scatter_adapters(pool)
    questions = [[Request(tuple(p)) for p in random_prompts(300, s, 8)] for s in (1, 2)]
    found = pool.answer(questions, rules(1))
    few = [pool.answer([own[:20], []], rules(1))[0] for own in questions[:1]]
    assert found[0][:20] == few[0]
    assert found[1] == generate_with_transformers(
        merged(pool, 1), [list(q.ids) for q in questions[1]], N_NEW
    )


def test_an_answer_depends_on_its_prompt_alone() -> None:
    (student,) = students_of(make_pool())
    texts = ("copy ab=", "rev abc=", "add 12+34=", "x", "copy ab=")
    prompts = [Prompt(text) for text in texts]
    together = student.generate(prompts)
    assert student.generate(prompts[::-1]) == together[::-1]
    assert [student.generate([p])[0] for p in prompts] == together
    assert student.generate(prompts * 60) == together * 60


class EagerGraphs:
    """Stands in for captured graphs where there is no GPU: runs the step, remembers the keys."""

    def __init__(self) -> None:
        self.keys: list[Any] = []

    def run(self, key: Any, step: Any, state: Sequence[torch.Tensor]) -> None:
        before = [tensor.data_ptr() for tensor in state]
        step()
        assert [tensor.data_ptr() for tensor in state] == before
        self.keys.append(key)


def test_steps_that_are_captured_work_in_place_and_come_in_few_shapes() -> None:
    """With 16 slots: 1, 2, 4, 8 or 16 rows, and at most 2 lengths of 32 and 40 positions."""
    model, prompts, graphs = make_model(), random_prompts(40), EagerGraphs()
    assert decode(model, prompts, 16, graphs=graphs, n_steps=4) == decode(model, prompts, 16)
    assert {n_rows for n_rows, _, _ in graphs.keys} <= {1, 2, 4, 8, 16}
    assert {length for _, length, _ in graphs.keys} <= {32, 40}


# -- ends ------------------------------------------------------------------------------------


def test_no_answer_is_longer_than_the_limit() -> None:
    answers = decode(make_model(), random_prompts(20), 8)
    assert max(map(len, answers)) == N_NEW
    assert all(1 not in answer[:-1] for answer in answers)


@pytest.mark.parametrize("stop", [("a",), ("ab", "zz"), ("7", "cd")])
def test_an_answer_ends_before_the_first_stop_string(stop: tuple[str, ...]) -> None:
    """Against cutting the answers that were generated without any stop."""
    pool = make_pool(max_new_tokens=24)
    (student,) = students_of(pool)
    prompts = [Prompt(pool.texts.decode(p)) for p in random_prompts(60)]
    whole = student.generate(prompts)
    cut = [min([a.index(s) for s in stop if s in a], default=len(a)) for a in whole]
    assert student.generate(prompts, stop=stop) == [
        answer[:n] for answer, n in zip(whole, cut, strict=True)
    ]
    if stop == ("a",):
        assert any(n < len(a) for a, n in zip(whole, cut, strict=True))


def test_decoding_ends_at_stop_strings_instead_of_going_on() -> None:
    """Tokens after a stop are not generated: one letter ends on the device, two are looked for."""
    texts = Texts(make_tokenizer(), 64)
    model, prompts = make_model(), random_prompts(60)
    whole = decode(model, prompts, 64)
    for stop in ("a", "ab"):
        decoder = SlotDecoder(
            Network(model), Layout(1), n_slots=64, length=40, max_new_tokens=N_NEW
        )
        limits = rules_for(texts, len(make_tokenizer()), stop=(stop,))
        (found,) = decoder.answer_all([[Request(tuple(p)) for p in prompts]], limits)
        for long, short in zip(whole, found, strict=True):
            text = texts.decode(long)
            if stop in text:
                assert texts.decode(short) == text[: text.index(stop) + len(stop)]
            else:
                assert short == long


def test_several_tokens_can_end_an_answer() -> None:
    model, prompts = make_model(), random_prompts(30)
    decoder = SlotDecoder(Network(model), Layout(1), n_slots=8, length=40, max_new_tokens=N_NEW)
    (found,) = decoder.answer_all([[Request(tuple(p)) for p in prompts]], rules(1, 7))
    for long, short in zip(decode(model, prompts, 8), found, strict=True):
        first = next((i for i, token in enumerate(long) if token in (1, 7)), N_NEW)
        assert short == long[: first + 1]


# -- sampling --------------------------------------------------------------------------------


def test_samples_depend_on_seed_prompt_and_number_alone() -> None:
    (student,) = students_of(make_pool())
    prompts = [Prompt("copy ab="), Prompt("rev abc="), Prompt("x")]
    found = student.sample(prompts, k=3, seed=5)
    assert student.sample(prompts[::-1] * 30, k=3, seed=5)[:3] == found[::-1]
    assert student.sample(prompts, k=2, seed=5) == [own[:2] for own in found]
    assert student.sample(prompts, k=3, seed=6) != found
    assert len({answer for own in found for answer in own}) > 5


def test_a_low_temperature_is_greedy() -> None:
    (student,) = students_of(make_pool())
    prompts = [Prompt("copy ab="), Prompt("rev abc="), Prompt("x")]
    assert student.sample(prompts, k=1, temperature=1e-4) == [
        [a] for a in student.generate(prompts)
    ]


def test_first_tokens_are_drawn_with_their_probabilities() -> None:
    """2,000 draws: each frequency within five standard errors of its probability."""
    pool, n = make_pool(), 2000
    ids = (5, 6, 7)
    questions = [Request(ids, uniforms(0, "x", i, 12)) for i in range(n)]
    (answers,) = pool.answer([questions], rules(1))
    logits = pool.network.model(torch.tensor([ids])).logits[0, -1]
    expected = logits.softmax(-1).detach().numpy()
    found = np.bincount([a[0] for a in answers], minlength=len(expected)) / n
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(found - expected) <= 5 * error + 1e-3).all()


def test_uniform_numbers_are_uniform_and_repeatable() -> None:
    """Mean 1/2 within five standard errors of sqrt(1/12 / n)."""
    numbers = torch.cat([uniforms(1, f"prompt {i}", 0, 50) for i in range(100)])
    assert abs(float(numbers.mean()) - 0.5) < 5 * (1 / 12 / len(numbers)) ** 0.5
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert torch.equal(uniforms(1, "a", 0, 8), uniforms(1, "a", 0, 8))
    assert not torch.equal(uniforms(1, "a", 0, 8), uniforms(1, "a", 1, 8))


def test_greedy_answers_of_students_together_keep_their_order() -> None:
    first, second = students_of(make_pool(2, lora=LoRASettings(rank=2)))
    prompts = [Prompt("copy ab="), Prompt("rev abc=")]
    there = second.generate_together([second, first], [prompts, prompts[::-1]])
    assert there == [second.generate(prompts), first.generate(prompts[::-1])]
