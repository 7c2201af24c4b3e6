"""The loss of each example when it is first met: right, in order, and free of side effects."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.profile import Profile
from teachgym.students.simulated import SimulatedStudent
from teachgym.testing import ToyTask
from teachgym.training.datum import batches, encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.first_losses import FirstLosses
from teachgym.training.forward import run_pass
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import Sft
from teachgym.training.packing import passes
from teachgym.training.settings import FineTuningSettings
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny

DATA: Data = tuple(
    Example(f"{skill} {word}=", answer, skill, rejected=worse)
    for skill, word, answer, worse in (
        ("copy", "ab", "ab", "ba"),
        ("copy", "abc", "abc", "c"),
        ("rev", "abcd", "dcba", "abcd"),
        ("first", "xy", "x", "xy"),
        ("last", "xyz", "z", "zzz"),
    )
)
SILENT = Example("copy ab=", "ab", "copy", spans=(("ab", 0.0),))
ONE_BATCH = FineTuningSettings(batch_size=64, learning_rate=1e-2, optimizer="adamw")
STILL = replace(ONE_BATCH, batch_size=2, learning_rate=1e-30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def untrained() -> LanguageModelStudent:
    """The architecture of ``tiny`` with random weights, which have no dropout."""
    student: LanguageModelStudent = untrained_tiny(1)
    return student


def surprises(student: LanguageModelStudent, data: Data) -> list[float]:
    """Mean negative log-probability of each target's tokens and end, by the student's probe."""
    logprobs = student.logprobs([e.question for e in data], [e.target for e in data])
    return [-float(np.mean(tokens)) for tokens in logprobs]


# -- what they are ---------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [10**6, 20])
def test_each_loss_is_the_mean_surprise_of_its_target_before_the_first_update(budget: int) -> None:
    """All examples in one batch, taught four times: later epochs are not what is reported."""
    student = untrained()
    expected = surprises(student, DATA)
    result = FineTuner(replace(ONE_BATCH, epochs=4, token_budget=budget)).train(
        student, DATA, rng()
    )
    assert result.losses == pytest.approx(expected, abs=1e-5)
    assert np.abs(np.subtract(surprises(student, DATA), expected)).min() > 0.1


def test_a_later_batch_is_met_by_a_student_that_learned_from_the_ones_before() -> None:
    """One example a batch, in the generator's order: only the first is met untrained."""
    student = untrained()
    expected = surprises(student, DATA)
    result = FineTuner(replace(ONE_BATCH, batch_size=1)).train(student, DATA, rng())
    encoded = encode(student.texts, DATA)
    ((first, *_), *_) = batches(encoded, replace(ONE_BATCH, batch_size=1), rng())
    apart = np.abs(np.subtract(result.losses, expected))
    (place,) = first.places
    assert np.argmin(apart) == place
    assert apart[place] < 1e-5
    assert np.delete(apart, place).min() > 1e-3


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(len(DATA))), st.integers(0, 10), st.integers(1, 4))
def test_losses_come_in_the_order_of_the_data(order: list[int], seed: int, size: int) -> None:
    """Whatever order the batches have, and with every example there twice."""
    student = untrained()
    data = tuple(DATA[i] for i in order) * 2
    found = FineTuner(replace(STILL, batch_size=size)).train(student, data, rng(seed)).losses
    assert found == pytest.approx(surprises(student, data), abs=1e-5)


def test_a_weighted_span_counts_by_its_weight_and_a_masked_target_has_no_loss() -> None:
    """Tokens b, c, d and the end with weights 2, 1/2, 1/2, 1/2: a mean over 3.5."""
    spanned = Example("a", "bcd", "copy", spans=(("b", 2.0), ("cd", 0.5)))
    student = untrained()
    (tokens,) = student.logprobs([spanned.question], [spanned.target])
    expected = -float(tokens @ np.array([2.0, 0.5, 0.5, 0.5])) / 3.5
    weighed, silent, plain = (
        FineTuner(STILL).train(student, (spanned, SILENT, DATA[0]), rng()).losses
    )
    assert weighed == pytest.approx(expected, abs=1e-5)
    assert math.isnan(silent)
    assert plain == pytest.approx(surprises(student, DATA[:1])[0], abs=1e-5)


def test_data_without_any_loss_has_a_number_for_none() -> None:
    losses = FineTuner(STILL).train(untrained(), (SILENT, SILENT), rng()).losses
    np.testing.assert_equal(losses, (math.nan, math.nan))
    assert FineTuner(STILL).train(untrained(), (), rng()).losses == ()


def test_weighed_by_their_tokens_they_make_up_the_loss_of_the_run() -> None:
    """Targets of 2, 3, 4, 1, 1 characters and their ends: 3, 4, 5, 2, 2 tokens of 16."""
    result = FineTuner(replace(ONE_BATCH, batch_size=2)).train(untrained(), DATA, rng())
    assert result.loss == pytest.approx(float(np.dot(result.losses, [3, 4, 5, 2, 2])) / 16)


def test_the_loss_of_a_pair_is_log_two_until_anything_is_learned() -> None:
    """Policy and reference are one; ``sft_weight`` adds so much of the target's surprise."""
    data = (*DATA[:3], replace(DATA[3], rejected=None), DATA[4])
    for weight in (0.0, 0.5):
        student = untrained()
        dpo = replace(STILL, loss="dpo", loss_settings={"sft_weight": weight})
        found = FineTuner(dpo).train(student, data, rng()).losses
        expected = math.log(2) + weight * np.array(surprises(student, data))
        expected[3] = expected[3] - math.log(2) if weight else math.nan
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_simulated_student_is_surprised_by_its_chance_to_be_wrong() -> None:
    """-log of its accuracy in the example's cell, before any of them is learned from."""
    task = ToyTask()
    student = SimulatedStudent(Profile(), task)
    data = task.examples("train")[::9]
    chance = {
        s: dict(zip(task.levels, student.accuracy[i], strict=True))
        for i, s in enumerate(student.skills)
    }
    expected = [-math.log(chance[e.skill][e.difficulty]) for e in data]
    result = SimulatedTrainer().train(student, data, rng())
    assert result.losses == pytest.approx(expected)
    assert result.loss == pytest.approx(np.mean(expected))
    assert len(set(expected)) > 1


# -- who says so -----------------------------------------------------------------------------


def test_students_together_report_what_each_would_alone() -> None:
    """Ragged data, one student without any, passes that hold several students."""
    data = [DATA, (), (DATA[2], SILENT, DATA[0]), DATA[1:]]
    trainer = FineTuner(replace(ONE_BATCH, batch_size=2, epochs=2, token_budget=60))
    one = untrained()
    pool = StudentPool(one.model, one.texts, count=4, max_new_tokens=4)
    students = [LanguageModelStudent(pool, k) for k in range(4)]
    together = trainer.train_together(students, data, [rng(k) for k in range(4)])
    for k, own in enumerate(data):
        alone = trainer.train(untrained(), own, rng(k))
        np.testing.assert_equal(together[k].losses, alone.losses)
        assert len(alone.losses) == len(own)


@pytest.mark.parametrize("loss", ["sft", "dpo"])
def test_the_reference_trainer_reports_the_same(loss: Any) -> None:
    other = untrained()
    reference = HuggingFaceStudent(other.model, other.texts, max_new_tokens=4)
    chosen = replace(ONE_BATCH, batch_size=2, epochs=2, learning_rate=1e-4, loss=loss)
    data = (*DATA, replace(SILENT, rejected="c"))
    packed = FineTuner(chosen).train(untrained(), data, rng())
    plain = HuggingFaceTrainer(chosen).train(reference, data, rng())
    np.testing.assert_allclose(packed.losses, plain.losses, atol=1e-4)
    assert math.isnan(plain.losses[-1])


def test_taking_notes_changes_no_bit_of_loss_and_gradients() -> None:
    found = []
    for first in (None, FirstLosses()):
        student = untrained()
        (one,) = passes([encode(student.texts, DATA)], 10**6)
        total = run_pass(student.pool, one, Sft(), first=first)
        gradients = [w.parameter.grad for w in student.pool.weights]
        assert all(g is not None for g in gradients)
        found.append([total, *gradients])
    for plain, noted in zip(*found, strict=True):
        assert plain is not None
        assert noted is not None
        assert plain.numpy().tobytes() == noted.numpy().tobytes()
