"""Fine-tuning: the loss and the schedule by hand, what it costs, and that it teaches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from teachgym.benchmarks.pretrain_tiny import make_student, make_tokenizer
from teachgym.errors import ConfigError
from teachgym.students.language_model import LanguageModelStudent
from teachgym.testing import check_trainer
from teachgym.training import make_trainer
from teachgym.training.fine_tuning import (
    IGNORED,
    Datum,
    FineTuner,
    FineTuningSettings,
    collate,
    encode,
    make_optimizers,
    target_loss,
)
from teachgym.training.muon import Muon
from teachgym.types import Data, Example

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
    untrained: LanguageModelStudent = make_student(seed=1)
    return untrained


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- tokens and loss -------------------------------------------------------------------------


def test_only_the_target_and_its_end_have_a_loss() -> None:
    """Tokens 7 8 | 9 1 and 5 | 1: the label at a place is the token after it."""
    ids, labels = collate([Datum((7, 8, 9, 1), 2), Datum((5, 1), 1)])
    assert ids.tolist() == [[7, 8, 9, 1], [5, 1, 0, 0]]
    no = IGNORED
    assert labels.tolist() == [[no, 9, 1, no], [1, no, no, no]]


def test_without_a_prompt_the_loss_begins_at_the_second_token() -> None:
    _, labels = collate([Datum((9, 8, 1), 0)])
    assert labels.tolist() == [[8, 1, IGNORED]]


def test_the_loss_is_the_mean_negative_log_probability_of_the_target_tokens(
    student: LanguageModelStudent,
) -> None:
    """Computed example by example and token by token, without padding."""
    batch = encode(student, DATA)
    losses = []
    for datum in batch:
        logits = student.model(torch.tensor([datum.ids])).logits[0]
        for place in range(datum.prompt_length, len(datum.ids)):
            losses.append(-logits[place - 1].log_softmax(-1)[datum.ids[place]].item())
    loss, n_targets = target_loss(student.model, batch)
    assert n_targets == len(losses) == 2 + 3 + 4 + 1 + 1 + 5
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_an_untrained_student_has_nearly_the_loss_of_guessing() -> None:
    """Initial weights are small, so every token has a probability of about 1 / vocabulary."""
    student: LanguageModelStudent = make_student(seed=1)
    loss, _ = target_loss(student.model, encode(student, DATA))
    assert loss.item() == pytest.approx(math.log(len(make_tokenizer())), rel=0.1)


def test_the_reported_loss_weighs_batches_by_their_target_tokens(
    student: LanguageModelStudent,
) -> None:
    """A step too small to matter leaves the loss of every batch as it was."""
    batch = encode(student, DATA)
    expected = target_loss(student.model, batch)[0].item()
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
    student = LanguageModelStudent(GPT2LMHeadModel(config), tokenizer, max_new_tokens=3)
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
    optimizers = make_optimizers(student.model, FineTuningSettings())
    assert [type(o) for o in optimizers] == [Muon, torch.optim.AdamW]
    muon, adamw = ({id(p) for g in o.param_groups for p in g["params"]} for o in optimizers)
    named = {name: id(p) for name, p in student.model.named_parameters()}
    hidden = {i for name, i in named.items() if "_proj" in name}
    assert muon == hidden
    assert adamw == set(named.values()) - hidden
    (only,) = make_optimizers(student.model, FineTuningSettings(optimizer="adamw"))
    assert {id(p) for g in only.param_groups for p in g["params"]} == set(named.values())


def test_training_leaves_the_student_ready_to_answer(student: LanguageModelStudent) -> None:
    FineTuner().train(student, DATA, rng())
    assert not student.model.training
    assert all(p.grad is None for p in student.model.parameters())


def test_a_broken_off_training_leaves_the_student_ready_to_answer(
    student: LanguageModelStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("teachgym.training.fine_tuning.target_loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        FineTuner().train(student, DATA, rng())
    assert not student.model.training


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_what_is_taught_often_enough_is_known_afterwards(
    student: LanguageModelStudent, optimizer: Any
) -> None:
    """Sixty passes over five examples; before, no answer is right."""
    prompts, targets = [e.prompt for e in DATA], [e.target for e in DATA]
    assert student.generate(prompts) != targets
    settings = FineTuningSettings(learning_rate=1e-2, epochs=60, batch_size=5, optimizer=optimizer)
    result = FineTuner(settings).train(student, DATA, rng())
    assert student.generate(prompts) == targets
    assert result.loss < 2


# -- bad input -------------------------------------------------------------------------------


def test_loss_spans_are_refused(student: LanguageModelStudent) -> None:
    example = Example("copy ab=", "ab", "copy", spans=(("a", 1.0), ("b", 0.5)))
    with pytest.raises(ConfigError, match=r"'copy ab=' has loss spans"):
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
    with pytest.raises(ConfigError, match="Did you mean 'learning_rate'"):
        make_trainer(student, learnin_rate=1)
    assert isinstance(make_trainer(student, epochs=2), FineTuner)
