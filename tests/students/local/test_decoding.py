"""Slots: the tokens of ``generate``, whatever the order, the number of slots and the company."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.students.local.attention import Extend, Packed, Prefill, SlotCache
from teachgym.students.local.decoding import DecodingRules, Request, SlotDecoder, shared_prefix
from teachgym.students.local.generation import rules_for, uniforms
from teachgym.students.local.graphs import Graphs, bucket
from teachgym.students.local.layout import Layout
from teachgym.students.local.network import Network
from teachgym.students.local.pool import StudentPool
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
from tests.students.waiting import Waiting, forbid_waiting

N_NEW = 12
ENDS = (1, 5, 9, 11, 13)
"""Tokens that end an answer, many enough for answers of several lengths."""


def random_prompts(count: int, seed: int = 0, longest: int = 20) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(3, 40, rng.integers(1, longest)).tolist() for _ in range(count)]


def rules(*ends: int, n_tokens: int = len(make_tokenizer()), **others: Any) -> DecodingRules:
    flags = torch.zeros(n_tokens, dtype=torch.bool)
    flags[list(ends)] = True
    return DecodingRules(flags, **others)


def decode(
    model: Any, prompts: Sequence[Sequence[int]], n_slots: int, ends: Any = (1,), **others: Any
) -> list[list[int]]:
    decoder = SlotDecoder(
        Network(model), Layout(1), n_slots=n_slots, length=40, max_new_tokens=N_NEW, **others
    )
    (answers,) = decoder.answer_all([[Request(tuple(p)) for p in prompts]], rules(*ends))
    return answers


@cache
def generated(architecture: str) -> list[list[int]]:
    """The tokens of ``generate`` for sixteen prompts."""
    return generate_with_transformers(make_model(architecture), random_prompts(16), N_NEW, ENDS)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("n_slots", [1, 5, 64])
def test_tokens_are_those_of_generate(architecture: str, n_slots: int) -> None:
    """Prompts of 1 to 19 tokens; some answers end early, so slots are refilled unevenly."""
    model, prompts = make_model(architecture), random_prompts(16)
    expected = generated(architecture)
    assert len({len(answer) for answer in expected}) > 2
    assert len({token for answer in expected for token in answer}) > 10
    assert decode(model, prompts, n_slots, ends=ENDS) == expected


def test_looking_rarely_at_what_is_finished_changes_no_token() -> None:
    model, prompts = make_model(), random_prompts(15)
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


def test_a_student_alone_answers_merged_from_the_first_question_on() -> None:
    """Its own layers are not asked at all, and the tokens are those of ``generate``."""
    pool = make_pool(lora=LoRASettings(rank=4))
    scatter_adapters(pool)
    expected = generate_with_transformers(merged(pool, 0), [[5, 6, 7]], N_NEW)
    for layer in pool.adapters.values():
        layer.forward = None  # type: ignore[assignment,method-assign]
    assert pool.answer([[Request((5, 6, 7))]], rules(1))[0] == expected


def test_flat_adapters_are_cast_once_for_all_steps_and_give_the_same_tokens() -> None:
    """Two students in 16 bits; a flat pool, as on GPUs, computes with a copy in 16 bits."""
    model, texts = make_model().to(torch.bfloat16), Texts(make_tokenizer(), 64)
    pool = StudentPool(
        model, texts, max_new_tokens=N_NEW, count=2, lora=LoRASettings(4), dtype=torch.bfloat16
    )
    scatter_adapters(pool)
    questions = [[Request(tuple(p)) for p in random_prompts(9, seed)] for seed in (1, 2)]
    cast_in_layers = pool.answer(questions, rules(1))
    layer = next(iter(pool.adapters.values()))
    with pool.answering():
        assert layer.lora_A.dtype == torch.float32
    _ = pool.flat
    with pool.answering():
        assert layer.lora_A.dtype == torch.bfloat16
    assert layer.lora_A.dtype == torch.float32
    assert pool.answer(questions, rules(1)) == cast_in_layers
    scatter_adapters(pool, seed=7)
    assert pool.answer(questions, rules(1)) != cast_in_layers


@pytest.mark.slow
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


class CheckedGraphs(Graphs):
    """The twin of captured graphs where there is no GPU, which looks whether state stays put."""

    def run(self, key: Any, step: Any, state: Sequence[torch.Tensor]) -> None:
        before = [tensor.data_ptr() for tensor in state]
        super().run(key, step, state)
        assert [tensor.data_ptr() for tensor in state] == before


def test_steps_that_are_captured_work_in_place_and_come_in_few_shapes() -> None:
    """With 16 slots: 1, 2, 3, 4, 6, 8, 12 or 16 rows, and lengths of 32 or 40."""
    graphs = CheckedGraphs(torch.device("cpu"))
    model, prompts = make_model(), random_prompts(40)
    assert decode(model, prompts, 16, graphs=graphs, n_steps=4) == decode(model, prompts, 16)
    shapes: set[Any] = graphs.keys  # type: ignore[assignment]
    assert {n_rows for n_rows, _, _ in shapes} <= {1, 2, 3, 4, 6, 8, 12, 16}
    assert {length for _, length, _ in shapes} <= {32, 40}


@given(n=st.integers(1, 10_000), parts=st.sampled_from([1, 2, 4, 8]), least=st.integers(1, 64))
def test_buckets_hold_their_number_with_little_room_to_spare(
    n: int, parts: int, least: int
) -> None:
    """It is at most 1 + 1 / parts times the number, or less than ``least`` above it."""
    size = bucket(n, parts=parts, least=least)
    assert n <= size <= max(n * (1 + 1 / parts), n + least - 1)
    assert bucket(n, parts=parts) <= bucket(n + 1, parts=parts)


def test_there_are_few_buckets() -> None:
    """1, then two for each of eleven octaves but the first: 1, 2, 3, 4, 6, ..., 2048."""
    assert len({bucket(n) for n in range(1, 2049)}) == 22


@pytest.mark.parametrize("temperature", [None, 0.7])
def test_the_host_reads_no_number_while_it_decodes(
    temperature: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no step; between them it only brings numbers to the device. A look is one transfer."""
    keys = forbid_waiting(monkeypatch)
    pool = make_pool(2, lora=LoRASettings(rank=2))
    pool.answer._graphs = True
    drawn = None if temperature is None else uniforms(0, "x", 0, 12)
    questions = [[Request(tuple(p), drawn) for p in random_prompts(9, s)] for s in (1, 2)]
    with Waiting() as waiting:
        int(torch.ones(()))
        torch.ones(2)[torch.ones(2) > 0]
        assert waiting.found == ["aten._local_scalar_dense.default", "aten.index.Tensor"]
        waiting.found.clear()
        pool.answer(questions, rules(1, temperature=temperature or 1.0))
    assert keys
    assert set(waiting.found) <= {"aten.lift_fresh.default"}


def test_long_queues_are_read_in_passes_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tokens a pass, and texts of up to nineteen, which are read alone."""
    passes: list[int] = []
    prefill = SlotDecoder._prefill

    def counted(self: Any, places: Any, questions: Sequence[Request]) -> None:
        passes.append(sum(len(q.ids) for q in questions) if len(questions) > 1 else 1)
        prefill(self, places, questions)

    model, prompts = make_model(), random_prompts(40)
    whole = decode(model, prompts, 16)
    monkeypatch.setattr(SlotDecoder, "_prefill", counted)
    monkeypatch.setattr("teachgym.students.local.decoding.PREFILL_TOKENS", 10)
    assert decode(model, prompts, 16) == whole
    assert len(passes) > 20
    assert max(passes) <= 10


# -- what prompts share ----------------------------------------------------------------------


def read_through(
    questions: Sequence[Sequence[Request]], model: Any, monkeypatch: pytest.MonkeyPatch, least: int
) -> tuple[list[list[list[int]]], list[torch.Tensor], int]:
    """Answers with slots for all; keys and values of each row; tokens read in passes of prompts."""
    monkeypatch.setattr("teachgym.students.local.decoding.PREFIX_FROM", least)
    n_read, hidden = [0], Network.hidden

    def counted(self: Network, ids: torch.Tensor, *rest: Any) -> torch.Tensor:
        n_read[0] += ids.shape[1] if ids.shape[0] == 1 else 0
        return hidden(self, ids, *rest)

    monkeypatch.setattr(Network, "hidden", counted)
    n_slots = max(map(len, questions))
    decoder = SlotDecoder(
        Network(model), Layout(len(questions)), n_slots=n_slots, length=64, max_new_tokens=N_NEW
    )
    answers = decoder.answer_all(questions, rules(1))
    monkeypatch.setattr(Network, "hidden", hidden)
    stored = [x for layer in decoder.cache._layers.values() for x in layer]
    ends = decoder.position.tolist()
    return answers, [x[r, :, : ends[r]] for r in range(len(ends)) for x in stored], n_read[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_all_prompts_begin_with_is_read_once(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty prompts of 24 common tokens and 1 to 10 of their own, which are read beside them.

    Two students are one model here; the other's prompts share nothing. Keys and values of all
    layers are equal to 1e-5, and tokens are the same ones.
    """
    model, begin = make_model(architecture), [3 + i % 7 for i in range(24)]
    own, other = random_prompts(30, 1, 10), random_prompts(30, 2, 10)
    prompts = [[*begin, *ids] for ids in own]
    questions = [[Request(tuple(p)) for p in group] for group in (prompts, other)]
    once = read_through(questions, model, monkeypatch, 8)
    each = read_through(questions, model, monkeypatch, 99)
    assert once[0] == each[0]
    for found, expected in zip(once[1], each[1], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert each[2] - once[2] == 24 * 29


@pytest.mark.parametrize(
    "scoring",
    [
        Scoring(),
        Scoring(0.3, window=3),
        Scoring(softcap=2.0),
        Scoring(window=9, sinks=torch.tensor([0.5, -1.0, 0.0, 2.0])),
    ],
)
def test_going_on_from_a_slot_is_reading_the_whole_text(scoring: Scoring) -> None:
    """Texts of 9 and 11 tokens, of which the slots hold 4 and 9 already; two heads share a key."""
    generator, here, lengths = torch.Generator().manual_seed(0), torch.device("cpu"), (9, 11)
    q, k, v = (torch.randn(1, n, 20, 8, generator=generator) for n in (4, 2, 2))
    whole = Packed(lengths, here).attend(0, q, k, v, scoring)

    def part(x: torch.Tensor, begins: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        return torch.cat([x[:, :, a:b] for a, b in zip(begins, ends, strict=True)], 2)

    cache, slots = SlotCache(3, 16), torch.tensor([2] * 4 + [0] * 9)
    first = [part(x, (0, 9), (4, 18)) for x in (q, k, v)]
    places = torch.cat([torch.arange(4), torch.arange(9)])
    Prefill(cache, Packed((4, 9), here), slots, places).attend(0, *first, scoring)
    rest = [part(x, (4, 18), (9, 20)) for x in (q, k, v)]
    found = Extend(cache, Packed((5, 2), here), (2, 0), (4, 9)).attend(0, *rest, scoring)
    expected = torch.cat([whole[:, 4:9], whole[:, 18:]], 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_slots_that_are_used_again_keep_what_prompts_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty prompts in five slots, in steps that are captured where there is a GPU."""
    model, begin = make_model(), [3 + i % 7 for i in range(20)]
    prompts = [[*begin, *ids] for ids in random_prompts(20, 3, 8)]
    whole = decode(model, prompts, 5)
    monkeypatch.setattr("teachgym.students.local.decoding.PREFIX_FROM", 8)
    assert decode(model, prompts, 5) == whole
    graphs = CheckedGraphs(torch.device("cpu"))
    assert decode(model, prompts, 5, graphs=graphs, n_steps=4) == whole


def test_a_prompt_that_is_sampled_several_times_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two students with two prompts each, three samples of each prompt, as alone."""
    prompts = [random_prompts(2, seed) for seed in (1, 2)]
    questions = [
        [Request(tuple(ids), uniforms(k, "", n, N_NEW)) for ids in own for n in range(3)]
        for k, own in enumerate(prompts)
    ]
    model = make_model()
    found, _, n_read = read_through(questions, model, monkeypatch, 99)
    assert n_read == sum(len(ids) for own in prompts for ids in own)
    for own, answers in zip(questions, found, strict=True):
        for one, answer in zip(own, answers, strict=True):
            assert read_through([[one]], model, monkeypatch, 99)[0] == [[answer]]
    assert found[0][0] != found[0][1]


def test_few_tokens_or_one_prompt_are_not_worth_sharing() -> None:
    """64 tokens are, and the last token of a prompt is always its own."""
    begin = tuple(range(64))
    assert shared_prefix([Request((*begin, 1)), Request((*begin, 2, 3))]) == 64
    assert shared_prefix([Request((*begin, 1)), Request((*begin, 1))]) == 64
    assert shared_prefix([Request(begin), Request((*begin, 2))]) == 0
    assert shared_prefix([Request((*begin, 1))]) == 0
    assert shared_prefix([]) == 0


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
    pool, n = make_pool(max_new_tokens=1), 2000
    ids = (5, 6, 7)
    questions = [Request(ids, uniforms(0, "x", i, 1)) for i in range(n)]
    (answers,) = pool.answer([questions], rules(1))
    logits = pool.network.model(torch.tensor([ids])).logits[0, -1]
    expected = logits.softmax(-1).detach().numpy()
    found = np.bincount([a[0] for a in answers], minlength=len(expected)) / n
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(found - expected) <= 5 * error + 1e-3).all()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("n_slots", [1, 8, 16])
def test_samples_do_not_depend_on_the_number_of_slots(n_slots: int) -> None:
    """Some answers end early, and those of full length stay in their slot beside a queue."""
    questions = [
        Request(tuple(ids), uniforms(0, "x", i, N_NEW)) for i, ids in enumerate(random_prompts(30))
    ]

    def sampled(n_slots: int) -> list[list[int]]:
        decoder = SlotDecoder(
            Network(make_model()), Layout(1), n_slots=n_slots, length=40, max_new_tokens=N_NEW
        )
        return decoder.answer_all([questions], rules(*ENDS))[0]

    expected = sampled(30)
    assert {1 < len(answer) < N_NEW for answer in expected} == {True, False}
    assert sampled(n_slots) == expected


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
