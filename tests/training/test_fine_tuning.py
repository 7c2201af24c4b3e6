"""Fine-tuning: the loss and the schedule by hand, what it costs, and that it teaches."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.student import LanguageModelStudent
from teachgym.testing import check_trainer
from teachgym.training import make_trainer
from teachgym.training.datum import Datum, Text, batches, encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.forward import run_pass
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import Needs, Sft
from teachgym.training.muon import Muon
from teachgym.training.optimizers import AdamW, make_optimizers
from teachgym.training.packing import passes
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example, Turn
from tests.students.models import make_pool, students_of, untrained_tiny

DATA: Data = tuple(
    Example(f"{skill} {word}=", answer, skill)
    for skill, word, answer in (
        ("copy", "ab", "ab"),
        ("copy", "abc", "abc"),
        ("rev", "abcd", "dcba"),
        ("first", "xy", "x"),
        ("last", "xyz", "z"),
    )
)


@pytest.fixture
def student() -> LanguageModelStudent:
    """The architecture of ``tiny`` with random weights."""
    untrained: LanguageModelStudent = untrained_tiny(1)
    return untrained


def loss_of(student: LanguageModelStudent, batch: list[Datum]) -> float:
    """Mean loss per target token of a batch, by the path that training takes."""
    (one,) = passes([batch], budget=10**6)
    return float(run_pass(student.pool, one, Sft()))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- tokens and loss -------------------------------------------------------------------------


def test_only_the_target_and_its_end_have_a_loss(student: LanguageModelStudent) -> None:
    """Of the tokens a = 3, b = 4, end = 1: prompt "ab", target "b" -> 3 4 | 4 1."""
    (datum,) = encode(student.texts, (Example("ab", "b", "copy"),))
    assert datum == Datum((Text((3, 4, 4, 1), (0.0, 0.0, 1.0, 1.0)),))
    assert datum.n_targets == 2


def test_what_the_student_said_before_has_a_loss_and_what_the_task_said_has_none(
    student: LanguageModelStudent,
) -> None:
    """The student wrote b, end and d, end in ab | b end | c | d end; a = 3 to d = 6, end = 1."""
    example = Example("ab", "d", "copy", turns=(Turn("b", "c"),))
    (datum,) = encode(student.texts, (example,))
    ids = (3, 4, 4, 1, 5, 6, 1)
    assert datum == Datum((Text(ids, (0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0)),))
    logits = student.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = -sum(logits[i - 1, ids[i]].item() for i in (2, 3, 5, 6)) / 4
    assert loss_of(student, [datum]) == pytest.approx(expected, rel=1e-5)
    assert student.texts.prompts([example.question], room=4) == [list(ids[:5])]
    read = replace(example, turns=(Turn("b", "c", learned=False),))
    assert encode(student.texts, (read,)) == [Datum((Text(ids, (0.0,) * 5 + (1.0, 1.0)),))]
    assert read.identity == example.identity


def test_turns_that_do_not_fit_lose_their_beginning(student: LanguageModelStudent) -> None:
    """60 letters, a turn of "b", end and "c", and "d" with its end, in a context of 64."""
    long = Example("a" * 60, "d", "copy", turns=(Turn("b", "c"),))
    (datum,) = encode(student.texts, (long,))
    weights = (*([0.0] * 59), 1.0, 1.0, 0.0, 1.0, 1.0)
    assert datum.texts == (Text((*([3] * 59), 4, 1, 5, 6, 1), weights),)


def test_a_pair_is_compared_after_the_turns_that_it_shares(student: LanguageModelStudent) -> None:
    pair = Example("ab", "d", "copy", rejected="e", turns=(Turn("b", "c"),))
    (datum,) = encode(student.texts, (pair,), Needs(rejected=True, mean="examples"))
    prompt, before = (3, 4, 4, 1, 5), (0.0,) * 5
    assert datum.texts == (
        Text((*prompt, 6, 1), (*before, 0.5, 0.5)),
        Text((*prompt, 7, 1), (*before, -0.5, -0.5), None),
    )


def test_spans_weigh_the_tokens_that_begin_in_them(student: LanguageModelStudent) -> None:
    """Target "bcd" as "b" with weight 2 and "cd" with 0.5; the end has the last span's weight."""
    example = Example("a", "bcd", "copy", spans=(("b", 2.0), ("cd", 0.5)))
    (datum,) = encode(student.texts, (example,))
    assert datum.texts[0].weights == (0.0, 2.0, 0.5, 0.5, 0.5)


def test_masked_spans_do_not_enter_the_loss(student: LanguageModelStudent) -> None:
    """Weight 0 on "b" leaves "c" and the end: the loss is the mean of their two entropies."""
    (datum,) = encode(student.texts, (Example("a", "bc", "copy", spans=(("b", 0.0), ("c", 1.0))),))
    a, b, c, end = datum.texts[0].ids
    logits = student.model(torch.tensor([[a, b, c]])).logits[0].log_softmax(-1)
    expected = -(logits[1, c] + logits[2, end]).item() / 2
    assert loss_of(student, [datum]) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_the_mean_negative_log_probability_of_the_target_tokens(
    student: LanguageModelStudent,
) -> None:
    """Computed example by example and token by token, without padding."""
    batch = encode(student.texts, DATA)
    losses = []
    for example, datum in zip(DATA, batch, strict=True):
        ids = datum.texts[0].ids
        logits = student.model(torch.tensor([ids])).logits[0]
        for place in range(len(example.prompt), len(ids)):
            losses.append(-logits[place - 1].log_softmax(-1)[ids[place]].item())
    assert sum(d.n_targets for d in batch) == len(losses) == 2 + 3 + 4 + 1 + 1 + 5
    assert loss_of(student, batch) == pytest.approx(np.mean(losses), rel=1e-5)


def test_an_untrained_student_has_nearly_the_loss_of_guessing() -> None:
    """Initial weights are small, so every token has a probability of about 1 / vocabulary."""
    student: LanguageModelStudent = untrained_tiny(1)
    loss = loss_of(student, encode(student.texts, DATA))
    assert loss == pytest.approx(math.log(len(make_tokenizer())), rel=0.1)


def test_the_reported_loss_weighs_batches_by_their_target_tokens(
    student: LanguageModelStudent,
) -> None:
    """A step too small to matter leaves the loss of every batch as it was."""
    expected = loss_of(student, encode(student.texts, DATA))
    settings = FineTuningSettings(learning_rate=1e-9, batch_size=2, optimizer="adamw")
    result = FineTuner(settings).train(student, DATA, rng())
    assert result.steps == 3
    assert result.loss == pytest.approx(expected, rel=1e-4)


# -- the schedule ----------------------------------------------------------------------------


def test_the_rate_rises_then_falls_linearly() -> None:
    """Peak 1, warm-up 2, total 4, end 0: min(1, (t + 1) / 2) * (1 - t / 4)."""
    settings = FineTuningSettings(learning_rate=1.0, warmup_steps=2, final_share=0.0)
    assert [settings.rate(t, 4) for t in range(4)] == [0.5, 0.75, 0.5, 0.25]


def test_the_rate_stays_up_for_the_constant_share_and_ends_above_the_final_share() -> None:
    """Constant to 5 of 10, then 1 - (1 - 0.2) * (t / 10 - 0.5) / 0.5."""
    settings = FineTuningSettings(
        learning_rate=1.0, warmup_steps=0, constant_share=0.5, final_share=0.2
    )
    rates = [settings.rate(t, 10) for t in range(10)]
    np.testing.assert_allclose(rates, [1] * 6 + [0.84, 0.68, 0.52, 0.36])


def test_the_cosine_falls_from_the_peak_over_a_half_to_nothing() -> None:
    """cos(0), cos(pi / 4), cos(pi / 2), cos(3 pi / 4) as (1 + cos) / 2."""
    settings = FineTuningSettings(
        learning_rate=1.0, warmup_steps=0, schedule="cosine", final_share=0.0
    )
    rates = [settings.rate(t, 4) for t in range(4)]
    np.testing.assert_allclose(rates, [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2])


def test_a_share_of_the_updates_can_warm_up() -> None:
    """A tenth of 20 updates are 2: half the rate, then the whole."""
    settings = FineTuningSettings(learning_rate=1.0, warmup_steps=0, warmup_share=0.1)
    assert settings.rate(0, 20) == 0.5
    assert settings.rate(1, 20) == pytest.approx(1 - 0.95 / 20)


@given(st.integers(1, 200), st.integers(0, 20), st.floats(0, 0.9), st.floats(0, 1))
def test_the_rate_is_positive_and_never_above_its_peak(
    total: int, warmup: int, constant: float, final: float
) -> None:
    settings = FineTuningSettings(
        warmup_steps=warmup, constant_share=constant, final_share=final, learning_rate=0.1
    )
    assert all(0 < settings.rate(t, total) <= 0.1 for t in range(total))


# -- the price -------------------------------------------------------------------------------


def test_the_cost_is_every_token_of_prompt_target_and_end_once_per_epoch(
    student: LanguageModelStudent,
) -> None:
    """Prompts 8 + 9 + 9 + 9 + 9 = 44 characters, targets 2 + 3 + 4 + 1 + 1 = 11, 5 ends: 60."""
    for epochs in (1, 3):
        trainer = FineTuner(FineTuningSettings(epochs=epochs, batch_size=2))
        assert trainer.cost(student, DATA).train_tokens == 60 * epochs
        result = trainer.train(student, DATA, rng())
        assert result.cost.train_tokens == 60 * epochs
        assert result.steps == 3 * epochs


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_the_trainer_keeps_the_contract_of_trainers(
    student: LanguageModelStudent, optimizer: Any
) -> None:
    check_trainer(FineTuner(FineTuningSettings(optimizer=optimizer)), student, DATA)


def test_no_data_teaches_nothing_and_costs_nothing(student: LanguageModelStudent) -> None:
    before = student.save()
    result = FineTuner().train(student, (), rng())
    assert student.save() == before
    assert (result.steps, result.cost.train_tokens) == (0, 0)
    assert math.isnan(result.loss)


# -- updates ---------------------------------------------------------------------------------


def test_the_order_of_the_examples_comes_from_the_generator(
    student: LanguageModelStudent,
) -> None:
    start, saved = student.save(), []
    for seed in (1, 1, 2):
        student.restore(start)
        FineTuner(FineTuningSettings(batch_size=2)).train(student, DATA, rng(seed))
        saved.append(student.save())
    assert saved[0] == saved[1] != saved[2]


def test_dropout_is_decided_by_the_generator_and_leaves_the_global_one_alone() -> None:
    tokenizer = make_tokenizer()
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=32)
    assert config.resid_pdrop > 0
    student = LanguageModelStudent.of(GPT2LMHeadModel(config), tokenizer, max_new_tokens=3)
    start, saved = student.save(), []
    before = torch.random.get_rng_state()
    for seed in (1, 1, 2):
        student.restore(start)
        # One batch, so that only dropout can differ between seeds.
        FineTuner(FineTuningSettings(batch_size=1)).train(student, DATA[:1], rng(seed))
        saved.append(student.save())
    assert saved[0] == saved[1] != saved[2]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_weight_has_one_optimizer_and_muon_takes_the_hidden_matrices(
    student: LanguageModelStudent,
) -> None:
    muon, adamw = make_optimizers(student.model, student.pool.weights, FineTuningSettings())
    assert (type(muon), type(adamw)) == (Muon, AdamW)
    names = {name for name, _ in student.model.named_parameters()}
    hidden = {name for name in names if "_proj" in name}
    assert {w.name for w in muon.weights} == hidden
    assert {w.name for w in adamw.weights} == names - hidden
    plain = FineTuningSettings(optimizer="adamw")
    (only,) = make_optimizers(student.model, student.pool.weights, plain)
    assert {w.name for w in only.weights} == names


def test_training_leaves_the_student_ready_to_answer(student: LanguageModelStudent) -> None:
    FineTuner().train(student, DATA, rng())
    assert not student.model.training
    assert all(p.grad is None for p in student.model.parameters())


def test_a_broken_off_training_leaves_the_student_ready_to_answer(
    student: LanguageModelStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("teachgym.training.updates.run_pass", interrupt)
    with pytest.raises(KeyboardInterrupt):
        FineTuner().train(student, DATA, rng())
    assert not student.model.training


@pytest.mark.sweep(1)
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_what_is_taught_often_enough_is_known_afterwards(
    student: LanguageModelStudent, optimizer: Any
) -> None:
    """Sixty passes over five examples; before, no answer is right."""
    prompts, targets = [e.question for e in DATA], [e.target for e in DATA]
    assert student.generate(prompts) != targets
    settings = FineTuningSettings(learning_rate=1e-2, epochs=60, batch_size=5, optimizer=optimizer)
    result = FineTuner(settings).train(student, DATA, rng())
    assert student.generate(prompts) == targets
    assert result.loss < 2


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["local", "hf"])
def test_training_that_diverges_is_told(
    student: LanguageModelStudent, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At a rate of 1e30 the second update has no finite loss any more."""
    wild = FineTuningSettings(learning_rate=1e30, warmup_steps=0, batch_size=2)
    reference = HuggingFaceStudent(student.model, student.texts, max_new_tokens=8)
    trainer: Any = FineTuner(wild) if backend == "local" else HuggingFaceTrainer(wild)
    trainer.train(student if backend == "local" else reference, DATA, rng())
    assert "lower trainer_settings.learning_rate" in caplog.text


def test_data_without_any_loss_changes_nothing(student: LanguageModelStudent) -> None:
    """Two batches whose targets and ends are masked altogether."""
    data = tuple(Example(e.prompt, e.target, e.skill, spans=((e.target, 0.0),)) for e in DATA[:4])
    before = student.save()
    result = FineTuner(FineTuningSettings(batch_size=2)).train(student, data, rng())
    assert student.save() == before
    assert math.isnan(result.loss)
    assert result.steps == 2


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_batch_without_any_loss_is_the_same_update_alone_among_others_and_padded(
    optimizer: str,
) -> None:
    """Momentum fades in it, and goes on moving the weights: a gradient of 0 is one."""
    settings = FineTuningSettings(batch_size=1, epochs=2, optimizer=optimizer, warmup_steps=0)
    silent = replace(DATA[1], spans=((DATA[1].target, 0.0),))
    mine, others = (DATA[0], silent, DATA[2]), (DATA[2], DATA[3], DATA[4])
    (alone,), pair = students_of(make_pool()), students_of(make_pool(2))
    pool = make_pool()
    padded = HuggingFaceStudent(pool.network.model, pool.texts, max_new_tokens=12)
    FineTuner(settings).train(alone, mine, rng())
    FineTuner(settings).train_together(pair, [mine, others], [rng(), rng()])
    HuggingFaceTrainer(settings).train(padded, mine, rng())
    learned = alone.save().arrays
    for student in (pair[0], padded):
        for name, values in student.save().arrays.items():
            np.testing.assert_allclose(values, learned[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("weight", [float("-inf"), float("nan"), float("inf"), "1", None, 10**400])
@pytest.mark.parametrize("backend", ["local", "hf"])
def test_weights_that_are_none_are_refused_by_both_backends(
    student: LanguageModelStudent, backend: str, weight: Any
) -> None:
    """Alone or beside a weight that is one."""
    trainer: Any = FineTuner() if backend == "local" else HuggingFaceTrainer()
    before = student.save()
    for spans in ((("ab", weight),), (("a", 2.0), ("b", weight))):
        data = (Example("copy ab=", "ab", "copy", spans=spans),)
        for ask in (
            lambda data=data: trainer.cost(student, data),
            lambda data=data: trainer.train(student, data, np.random.default_rng(0)),
        ):
            with pytest.raises(ConfigError, match=r"spans has .*a finite number"):
                ask()
    assert student.save() == before


def test_spans_that_do_not_make_up_the_target_are_refused(student: LanguageModelStudent) -> None:
    example = Example("copy ab=", "ab", "copy", spans=(("a", 1.0), ("c", 0.5)))
    with pytest.raises(ConfigError, match=r"spans of 'copy ab=' do not make up its target 'ab'"):
        FineTuner().train(student, (example,), rng())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("learning_rate", 0.0),
        ("batch_size", 0),
        ("epochs", 0),
        ("warmup_steps", -1),
        ("constant_share", 1.0),
        ("final_share", 1.5),
        ("clip", -1.0),
        ("warmup_share", 1.0),
        ("token_budget", 0),
        ("learning_rate", math.nan),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}; it must be"):
        FineTuningSettings(**{setting: value})  # type: ignore[arg-type]


def test_unknown_optimizers_and_settings_are_answered_with_those_that_exist(
    student: LanguageModelStudent,
) -> None:
    with pytest.raises(ConfigError, match=r"unknown optimizer 'adam'.*Did you mean 'adamw'"):
        FineTuningSettings(optimizer="adam")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"unknown schedule 'cosin'.*Did you mean 'cosine'"):
        FineTuningSettings(schedule="cosin")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Did you mean 'learning_rate'"):
        make_trainer(student, learnin_rate=1)
    assert isinstance(make_trainer(student, epochs=2), FineTuner)


def test_data_sets_that_share_examples_have_them_in_one_order_and_epochs_in_another() -> None:
    student = untrained_tiny(0)
    few = tuple(Example(f"copy {c}=", c, "copy") for c in "abcdefgh")
    more = tuple(Example(f"last {c}=", c, "last") for c in "ijklmnop")
    settings = FineTuningSettings(epochs=2, batch_size=1)

    def orders(data: Data) -> list[list[str]]:
        encoded = encode(student.texts, data)
        made = batches(encoded, settings, np.random.default_rng(3))
        prompts = [data[min(batch[0].places)].prompt for batch in made]
        return [
            [p for p in prompts[start : start + len(data)] if p.startswith("copy")]
            for start in (0, len(data))
        ]

    first, second = orders(few)
    assert orders((*more[:3], *reversed(few), *more[3:])) == [first, second]
    assert sorted(first) == sorted(second)
    assert first != second
