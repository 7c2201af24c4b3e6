"""Preferences: the loss by hand, the reference, and what does not change."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.lora import LoRASettings
from teachgym.training.datum import Datum, encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.forward import run_pass
from teachgym.training.losses import Targets
from teachgym.training.packing import passes
from teachgym.training.preferences import Dpo
from teachgym.training.references import refer
from teachgym.training.settings import FineTuningSettings
from teachgym.training.updates import score
from teachgym.types import Data, Example
from tests.students.models import untrained_tiny

PAIRS: Data = (
    Example("copy ab=", "ab", "copy", rejected="ba"),
    Example("copy abc=", "abc", "copy", rejected="abcc"),
    Example("rev abcd=", "dcba", "rev", rejected="abcd"),
    Example("first xy=", "x", "first", rejected="y"),
    Example("last xyz=", "z", "last", rejected="x"),
    Example("last pq=", "q", "last", rejected="pqpqpq"),
)
UNPAIRED = Example("first ab=", "a", "first")
SETTINGS = FineTuningSettings(
    loss="dpo", learning_rate=1e-2, batch_size=3, epochs=2, optimizer="adamw"
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make_pool(count: int = 1, lora: LoRASettings | None = None) -> StudentPool:
    """Students with the architecture of ``tiny`` and equal random weights."""
    one = untrained_tiny(1)
    return StudentPool(one.model, one.texts, max_new_tokens=8, count=count, lora=lora)


def referred(pool: StudentPool, data: Data, settings: FineTuningSettings) -> list[Datum]:
    """The examples with the pool's first student as their reference."""
    needs = settings.make_loss().needs
    scored = partial(score, pool, 10**6)
    return refer([[encode(pool.texts, data, needs)]], 1, needs, scored)[0][0]


def row(probability: float) -> list[float]:
    """Logits over two tokens that give the second one that probability."""
    return [math.log(1 - probability), math.log(probability)]


# -- the formula -----------------------------------------------------------------------------


def test_the_loss_of_a_pair_is_the_formula_by_hand() -> None:
    """Chosen: two tokens at 0.8 and 0.5, under the reference 0.4 and 0.5: log-ratio log 2.

    Rejected: one token at 0.1, under the reference 0.4: log-ratio -log 4. The margin is
    log 2 + log 4 = log 8 = 2.0794; with beta 0.5 the loss is -log sigmoid(1.0397) =
    log(1 + 8 ** -0.5) = 0.3027. Cross entropy, halved over two tokens: (-log 0.8 - log 0.5) / 2
    = 0.4581, of which 0.1 is added.
    """
    logits = torch.tensor([row(0.8), row(0.5), row(0.1)])
    references = torch.tensor([0.4, 0.5, 0.4]).log()
    targets = Targets(
        labels=torch.tensor([1, 1, 1]),
        weights=torch.tensor([0.5, 0.5, -1.0]),
        texts=torch.tensor([0, 0, 1]),
        groups=torch.tensor([0, 0, 0]),
        shares=torch.tensor([1.0, 0.0, 0.0]),
        references=references,
    )
    assert math.log(1 + 8**-0.5) == pytest.approx(0.3027, abs=5e-5)
    assert float(Dpo(0.5, 0.0)(logits, targets).sum()) == pytest.approx(0.3027, abs=5e-5)
    expected = 0.3027 + 0.1 * 0.4581
    assert float(Dpo(0.5, 0.1)(logits, targets).sum()) == pytest.approx(expected, abs=5e-5)


def test_at_the_first_update_the_loss_is_log_two() -> None:
    """Policy and reference are one, so every margin is 0; a rate of nothing keeps it so."""
    still = replace(SETTINGS, learning_rate=1e-30)
    student = LanguageModelStudent(make_pool())
    assert FineTuner(still).train(student, PAIRS, rng()).loss == pytest.approx(math.log(2))
    (data,) = [referred(student.pool, PAIRS[:1], SETTINGS)]
    (one,) = passes([data], 10**6)
    # One pair: its share is 1 and stands at one row, so nothing is rounded.
    exact = float(F.softplus(torch.zeros(())))
    assert float(run_pass(student.pool, one, SETTINGS.make_loss())) == exact


def test_references_are_the_log_probabilities_that_the_student_reports() -> None:
    student = LanguageModelStudent(make_pool())
    prompts = [e.question for e in PAIRS]
    chosen = student.logprobs(prompts, [e.target for e in PAIRS])
    rejected = student.logprobs(prompts, [str(e.rejected) for e in PAIRS])
    found = referred(student.pool, PAIRS, SETTINGS)
    for datum, *expected in zip(found, chosen, rejected, strict=True):
        np.testing.assert_allclose(datum.references, np.concatenate(expected), atol=1e-5)


def test_chunks_of_logits_never_part_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the logits of one row: loss and gradient stay what they are."""
    student = LanguageModelStudent(make_pool())
    (one,) = passes([referred(student.pool, PAIRS, SETTINGS)], 10**6)
    found = []
    for room in (2**26, 1):
        monkeypatch.setattr("teachgym.training.forward._LOGITS_AT_ONCE", room)
        student.model.zero_grad()
        loss = run_pass(student.pool, one, Dpo(0.1, 0.5))
        found.append((loss, [w.parameter.grad for w in student.pool.weights]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


# -- students together -----------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("lora", [None, LoRASettings(rank=4, dropout=0.1)])
def test_students_together_learn_the_same_preferences_as_alone(lora: LoRASettings | None) -> None:
    """Bit for bit, with ragged data, one without pairs, one without data, and small passes."""
    settings = replace(SETTINGS, loss_settings={"sft_weight": 0.5}, token_budget=60)
    data = [PAIRS, (UNPAIRED,), (), (*PAIRS[:2], UNPAIRED, PAIRS[4])]
    pool = make_pool(4, lora)
    students = [LanguageModelStudent(pool, k) for k in range(4)]
    results = FineTuner(settings).train_together(students, data, [rng(k) for k in range(4)])
    alone = LanguageModelStudent(make_pool(1, lora))
    start = alone.save()
    for k, student in enumerate(students):
        alone.restore(start)
        result = FineTuner(settings).train(alone, data[k], rng(k))
        assert alone.save() == student.save()
        assert (alone.save() == start) == (not data[k])
        np.testing.assert_equal(result.loss, results[k].loss)
        assert (result.steps, result.cost.train_tokens) == (
            results[k].steps,
            results[k].cost.train_tokens,
        )
