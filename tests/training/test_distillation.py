"""Distillation: by hand, against TRL, top-k against all, and what it teaches."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.students import make_student
from teachgym.students.local.student import LanguageModelStudent
from teachgym.tasks import make_task
from teachgym.training import make_trainer
from teachgym.training.distillation import Distillation, coarse, kl
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.forward import top_of
from teachgym.training.losses import Targets
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Example
from tests.students.models import untrained_tiny

DIVERGENCES: tuple[Literal["forward", "reverse", "jensen-shannon"], ...] = (
    "forward",
    "reverse",
    "jensen-shannon",
)


def loss_of(
    student: torch.Tensor, teacher: torch.Tensor, k: int = 1000, **settings: Any
) -> torch.Tensor:
    """Of each row, from logits (n, V) of both."""
    loss, n = Distillation(**settings), len(student)
    one = torch.ones(n)
    number = torch.arange(n)
    told = top_of(teacher, teacher.shape[1], k, loss.temperature)
    told = replace(told, ids=told.ids.long())
    targets = Targets(torch.zeros(n, dtype=torch.long), one, number, number, one, one, told)
    return loss(student, targets)


def logits(seed: int, n: int = 7, n_tokens: int = 11) -> torch.Tensor:
    return 3 * torch.randn(n, n_tokens, generator=torch.Generator().manual_seed(seed))


# -- by hand ---------------------------------------------------------------------------------


def test_divergences_are_the_formulas_by_hand() -> None:
    """Teacher 0.5, 0.25, 0.25; student 0.25, 0.25, 0.5.

    Forward: 0.5 log 2 + 0.25 log 0.5 = log 2 / 4 = 0.1733, and the same backward. The mixture of
    halves is 0.375, 0.25, 0.375: 0.5 log(4/3) + 0.25 log(2/3) from either side = 0.0425.
    """
    p, q = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.25, 0.5]]).log()
    mixed = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3)
    assert mixed == pytest.approx(0.0425, abs=5e-5)
    for divergence, expected in zip(
        DIVERGENCES, (math.log(2) / 4, math.log(2) / 4, mixed), strict=True
    ):
        found = loss_of(q, p, divergence=divergence)
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_what_is_not_told_is_one_event_by_hand() -> None:
    """Of the same, one token is told: 0.5 and the rest 0.5, against 0.25 and 0.75.

    Forward: 0.5 log 2 + 0.5 log(2/3) = 0.1438, less than the whole 0.1733.
    """
    p, q = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.25, 0.5]]).log()
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert expected == pytest.approx(0.1438, abs=5e-5)
    assert float(loss_of(q, p, k=1)) == pytest.approx(expected, abs=1e-6)


def test_ddks_mix_by_hand() -> None:
    """A fifth of the divergence with the cross entropy of the label, whose share is 0.25."""
    p, q = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.25, 0.5]]).log()
    found = loss_of(q, p, weight=0.2, sft_weight=1.0)
    assert float(found) == pytest.approx(0.2 * math.log(2) / 4 + math.log(4), abs=1e-6)


# -- properties ------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.sampled_from(DIVERGENCES), st.floats(0.5, 4.0))
def test_more_told_tokens_come_closer_to_the_whole_from_below(
    seed: int, divergence: Any, temperature: float
) -> None:
    """Joining events loses information, and nothing is lost when one token is left untold."""
    student, teacher = logits(seed), logits(seed + 1)
    found = [
        loss_of(student, teacher, k, divergence=divergence, temperature=temperature)
        for k in range(1, 12)
    ]
    for fewer, more in pairwise(found):
        assert (fewer <= more + 1e-5).all()
    torch.testing.assert_close(found[-2], found[-1], rtol=1e-4, atol=1e-5)
    assert (found[0] >= -1e-6).all()


@given(st.integers(0, 2**31), st.sampled_from(DIVERGENCES), st.integers(1, 11))
def test_a_student_that_is_its_teacher_has_nothing_to_learn(
    seed: int, divergence: Any, k: int
) -> None:
    student = logits(seed).requires_grad_()
    found = loss_of(student, student.detach(), k, divergence=divergence)
    torch.testing.assert_close(found, torch.zeros(7), rtol=0, atol=2e-6)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert float(student.grad.abs().max()) < 2e-6


def test_a_sure_teacher_gives_finite_losses_and_gradients() -> None:
    """Probabilities that 32 bits cannot hold, told in part or as a whole."""
    for divergence in DIVERGENCES:
        for k in (1, 3, 11):
            student = (100 * logits(1)).requires_grad_()
            found = loss_of(student, 100 * logits(2), k, divergence=divergence)
            found.sum().backward()  # type: ignore[no-untyped-call]
            assert found.isfinite().all()
            assert student.grad is not None
            assert student.grad.isfinite().all()


def test_padding_of_the_head_is_no_token() -> None:
    """Two columns more than there are tokens: to the student they are what is not told."""
    student = torch.cat([logits(1), torch.full((7, 2), -50.0)], 1)
    told = top_of(torch.cat([logits(2), torch.full((7, 2), 9.0)], 1), 11, 64, 1.0)
    p, q = coarse(replace(told, ids=told.ids.long()), student.log_softmax(-1))
    right = kl(logits(2).log_softmax(-1), logits(1).log_softmax(-1))
    torch.testing.assert_close(kl(p, q), right, rtol=1e-4, atol=1e-5)


# -- TRL -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("divergence", "beta"), [("forward", 0.0), ("reverse", 1.0), ("jensen-shannon", 0.3)]
)
def test_trls_divergence_is_the_same(divergence: Any, beta: float, temperature: float) -> None:
    """TRL's number for the teacher's share in the mixture; at 0 and 1 it means the two KLs."""
    gkd = pytest.importorskip("trl.experimental.gkd")
    ours, theirs = logits(1).requires_grad_(), logits(1).requires_grad_()
    settings: dict[str, Any] = {"beta": beta} if divergence == "jensen-shannon" else {}
    found = loss_of(ours, logits(2), divergence=divergence, temperature=temperature, **settings)
    found.mean().backward()  # type: ignore[no-untyped-call]
    right = gkd.GKDTrainer.generalized_jsd_loss(
        theirs[None],
        logits(2)[None],
        labels=torch.zeros(1, 7),
        beta=beta,
        temperature=temperature,
    )
    right.backward()
    assert float(found.mean().detach()) == pytest.approx(float(right.detach()), rel=1e-5)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


# -- learning --------------------------------------------------------------------------------


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_student_comes_closer_to_its_teacher_by_its_distributions(divergence: Any) -> None:
    """Two models with random weights; the targets are of no use, and the divergence halves."""
    student, teacher = untrained_tiny(1), untrained_tiny(2)
    data = tuple(Example(f"copy {a}{b}=", a + b, "copy") for a in "abcd" for b in "wxyz")
    settings = FineTuningSettings(
        loss="distillation",
        loss_settings={"divergence": divergence},
        epochs=10,
        optimizer="adamw",
    )
    result = FineTuner(settings, teacher_model=ModelTeacher(teacher)).train(
        student, data, np.random.default_rng(0)
    )
    still = FineTuner(
        FineTuningSettings(
            loss="distillation", loss_settings={"divergence": divergence}, learning_rate=1e-30
        ),
        teacher_model=ModelTeacher(teacher),
    )
    after = still.train(student, data, np.random.default_rng(0)).loss
    assert after < 0.5 * float(np.mean(result.losses))


SKILLS = ("revnext", "rev", "swap", "rotl", "next", "prev")


def better_and_worse(task: Any, base: int) -> tuple[Any, Any, tuple[Example, ...]]:
    """A base of ``tiny``, the same after 500 examples, and 400 answers that the latter samples."""
    rng = np.random.default_rng(base)
    items = [e for e in task.examples("train") if e.skill in SKILLS]
    items = [items[i] for i in rng.permutation(len(items))]
    student, teacher = (make_student("tiny", task, base=base) for _ in range(2))
    make_trainer(teacher, epochs=8).train(teacher, tuple(items[:500]), rng)
    asked = items[500:900]
    answers = teacher.sample([e.question for e in asked], k=1, seed=base)
    data = tuple(e.with_target(own[0]) for e, own in zip(asked, answers, strict=True))
    return student, teacher, data


@pytest.mark.slow
def test_what_a_teacher_might_have_said_teaches_more_than_what_it_said() -> None:
    """Seven bases, the same text and 24,000 training tokens: accuracy on 630 other problems.

    Measured: 0.768 from the samples alone, 0.778 with their distributions; the difference is
    0.010, with a standard error of 0.003 over the bases.
    """
    task: Any = make_task("arithmetic-and-strings")
    held_out = [e for s in ("val", "test") for e in task.examples(s) if e.skill in SKILLS]
    gains = []
    for base in range(7):
        student, teacher, data = better_and_worse(task, base)
        start, found = student.save(), {}
        for loss in ("sft", "distillation"):
            student.restore(start)
            trainer = FineTuner(
                FineTuningSettings(loss=loss, epochs=4), teacher_model=ModelTeacher(teacher)
            )
            trainer.train(student, data, np.random.default_rng(base))
            answers = student.generate([e.question for e in held_out])
            grades = [task.grade(e, a) for e, a in zip(held_out, answers, strict=True)]
            found[loss] = float(np.mean(grades))
        gains.append(found["distillation"] - found["sft"])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / len(gains) ** 0.5


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [("beta", 0.0), ("beta", 1.0), ("temperature", 0.0), ("weight", -1.0)],
)
def test_settings_out_of_range_are_refused(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value!r}; it must be"):
        FineTuningSettings(loss="distillation", loss_settings={setting: value})


def test_an_unknown_divergence_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"unknown divergence 'kl'.*forward, jensen-shannon"):
        FineTuningSettings(loss="distillation", loss_settings={"divergence": "kl"})


def test_without_a_teacher_model_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Distillation follows .*teacher_model="):
        FineTuner(FineTuningSettings(loss="distillation"))


def test_any_model_may_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of one row at a time as in one."""
    teacher: LanguageModelStudent = untrained_tiny(2)
    data = tuple(Example(f"copy {a}b=", a + "b", "copy") for a in "abcd")
    losses = []
    for room in (2**26, 1):
        monkeypatch.setattr("teachgym.training.forward._LOGITS_AT_ONCE", room)
        trainer = FineTuner(
            FineTuningSettings(loss="distillation"), teacher_model=ModelTeacher(teacher, top_k=5)
        )
        losses.append(trainer.train(untrained_tiny(1), data, np.random.default_rng(0)).loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
