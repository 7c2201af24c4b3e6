"""ADPA and the two teacher models that it follows: by hand, and whether it teaches."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError
from teachgym.students.local.student import LanguageModelStudent
from teachgym.testing import ToyTask
from teachgym.training.advantage import Advantage
from teachgym.training.datum import encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.groups import Group, Response, data_of
from teachgym.training.losses import SampledRows, Targets, TopK
from teachgym.training.on_policy import OnPolicySettings, OnPolicyTrainer
from teachgym.training.policy_losses import Adpa
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import ModelTeacher
from teachgym.training.teacher_registry import make_teacher_model
from teachgym.training.updates import differentiate
from teachgym.types import Data, Example, Prompt
from tests.training.plain import apart, gradient
from tests.training.test_on_policy import make_pool, rng, student_of

LOG2 = math.log(2)
DATA: Data = tuple(Example(f"copy {word}=", word, "copy") for word in ("ab", "abc", "xy", "pq"))


def rows(own: bool, ratios: list[float]) -> Targets:
    """One row of label 1 and weight 1 over two tokens."""
    n = torch.ones(1)
    told = TopK(torch.tensor([[0, 1]]), torch.tensor([ratios]), torch.zeros(1))
    sampled = SampledRows(0 * n, n, n * math.nan, torch.tensor([own]))
    zero = torch.zeros(1, dtype=torch.long)
    return Targets(zero + 1, n, zero, zero, 0 * n, 0 * n, told, sampled)


def test_the_expected_advantage_counts_and_not_that_of_the_sampled_token() -> None:
    """Chances 1/4 and 3/4, ratios 1/2 and 2: 0.1 (-1/4 + 3/4) log 2 = 0.05 log 2, times -1.5.

    Its slope for logit j is -0.15 p_j (log ratio_j - log 2 / 2): for the first, of -log 2, it is
    0.15 * 1/4 * 3/2 log 2, and for the second as much below 0.
    """
    logits = torch.tensor([[0.0, math.log(3)]], requires_grad=True)
    loss = Adpa()(logits, rows(True, [-LOG2, LOG2])).sum()
    assert loss.item() == pytest.approx(-0.075 * LOG2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    slope = 0.15 / 4 * 1.5 * LOG2
    torch.testing.assert_close(logits.grad, torch.tensor([[slope, -slope]]))


def test_targets_are_learned_whatever_their_advantage() -> None:
    logits = torch.tensor([[0.0, math.log(3)]])
    found = Adpa(gamma=9.0)(logits, rows(False, [5.0, -5.0])).item()
    assert found == pytest.approx(-math.log(0.75))


def test_ratios_are_those_of_both_models_and_both_are_paid() -> None:
    after, before = (LanguageModelStudent(make_pool(seed=seed)) for seed in (2, 3))
    whole = [ModelTeacher(model, top_k=1000) for model in (after, before)]
    pair, needs = Advantage(*whole), Adpa().needs
    encoded = encode(after.texts, DATA)
    told = pair.read(after.texts, encoded, needs)
    for datum, one, other in zip(
        told, *(m.read(after.texts, encoded, needs) for m in whole), strict=True
    ):
        assert None not in (datum.teacher, one.teacher, other.teacher)
        apart = one.teacher.logprobs - other.teacher.logprobs
        torch.testing.assert_close(datum.teacher.logprobs, apart)
        assert datum.teacher.ids.shape[1] == len(after.texts.tokenizer)
    assert pair.cost(encoded, needs).teacher_tokens_in == 2 * sum(d.n_tokens for d in encoded)
    with pytest.raises(ConfigError, match="need all tokens of both"):
        Advantage(ModelTeacher(after, 3), ModelTeacher(before, 3)).read(after.texts, encoded, needs)


def plain_loss(models: Any, groups: Any, adpa: Adpa) -> torch.Tensor:
    """Of one text at a time in 64 bits: the student, and the two that the ratios are of."""
    losses = []
    for group in groups:
        for response in group.responses:
            ids = torch.tensor([[*group.prompt, *response.ids]])
            rows = slice(len(group.prompt) - 1, ids.shape[1] - 1)
            own, p, r = (m(ids).logits[0, rows].log_softmax(-1) for m in models)
            gains = adpa.gamma * adpa.beta * (own.exp() * (p - r).detach()).sum(-1)
            entropy = -own.gather(1, torch.tensor(response.ids)[:, None])[:, 0]
            losses.append((-gains if response.own else entropy).mean())
    return torch.stack(losses).mean()


def test_packed_value_and_gradient_are_those_of_single_texts_in_64_bits() -> None:
    student, after, before = (student_of(make_pool(seed=seed)) for seed in (1, 2, 3))
    adpa = Adpa()
    groups = [
        Group((3, 4, 5), (Response((7, 8, 9)), Response((4, 1), 1.0, own=False))),
        Group((6,), (Response((5,)), Response((9, 9, 9, 1)))),
    ]
    exact = [copy.deepcopy(s.model).double() for s in (student, after, before)]
    expected = plain_loss(exact, groups, adpa)
    expected.backward()  # type: ignore[no-untyped-call]
    data = data_of(groups, adpa, scaled=True, mean="responses", progress=0.0)
    pair = Advantage(ModelTeacher(after, 1000), ModelTeacher(before, 1000))
    told = pair.read(student.texts, data, adpa.needs)
    for budget in (10**6, 1):
        found = differentiate(student.pool, [told], adpa, budget, totals=[4.0])
        assert float(found) == pytest.approx(expected.item(), rel=1e-5)
        assert apart(gradient(student.model), gradient(exact[0])) < 5e-6


def trainer_of(pair: Any, **settings: Any) -> OnPolicyTrainer:
    own: dict[str, Any] = {"loss": "adpa", "k": 2, "batch_size": 2, "optimizer": "adamw"}
    made = OnPolicySettings(**{**own, "learning_rate": 1e-2, **settings})
    return OnPolicyTrainer(made, teacher_model=pair)


@pytest.fixture(scope="module")
def fond_of_x() -> Advantage:
    """A model before and after it was taught to answer ``x`` to everything."""
    models = [LanguageModelStudent(make_pool(seed=2)) for _ in range(2)]
    data = tuple(e.with_target("x") for e in DATA)
    FineTuner(FineTuningSettings(epochs=20, batch_size=4, learning_rate=1e-2)).train(
        models[0], data, rng()
    )
    return Advantage(*(ModelTeacher(model, 1000) for model in models))


def test_what_alignment_added_is_taken_over_beside_the_targets(fond_of_x: Advantage) -> None:
    """Chances that an answer begins with x, after as many updates: 0.07 without, 0.59 with them."""
    chances = []
    for gamma in (0.0, 20.0):
        student = student_of()
        trainer = trainer_of(fond_of_x, epochs=5, loss_settings={"gamma": gamma})
        trainer.train(student, DATA, rng())
        told = student.logprobs([Prompt(e.prompt) for e in DATA], ["x"] * len(DATA))
        chances.append(np.mean([np.exp(each[0]) for each in told]))
    assert chances[1] > 2 * chances[0]


def test_ratios_are_no_probabilities_and_probabilities_no_ratios(fond_of_x: Advantage) -> None:
    models = (fond_of_x, fond_of_x, fond_of_x.after)
    for model, loss in zip(models, ("distillation", "reverse-kl", "adpa"), strict=True):
        with pytest.raises(ConfigError, match="do not go together"):
            trainer_of(model, loss=loss)


def test_it_is_made_from_settings() -> None:
    task: Any = ToyTask()
    made = make_teacher_model(
        "advantage", task, {"after": {"examples": 8, "trainer_settings": {"batch_size": 8}}}
    )
    assert isinstance(made, Advantage)
    assert made.identity.count("over") == 1
    with pytest.raises(ConfigError, match="examplse"):
        make_teacher_model("advantage", task, {"after": {"examplse": 8}})
