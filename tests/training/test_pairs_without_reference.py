"""SimPO and REDI: by hand, against TRL, and what tells them apart."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.errors import ConfigError
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Loss, Targets
from teachgym.training.preferences import Redi, SimPo
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example, Prompt
from tests.students.models import untrained_tiny


def row(probability: float) -> list[float]:
    """Logits over two tokens that give the second one that probability."""
    return [math.log(1 - probability), math.log(probability)]


LOGITS = torch.tensor([row(0.8), row(0.5), row(0.1)])
PAIR = Targets(
    labels=torch.tensor([1, 1, 1]),
    weights=torch.tensor([0.5, 0.5, -1.0]),
    texts=torch.tensor([0, 0, 1]),
    groups=torch.tensor([0, 0, 0]),
    shares=torch.tensor([1.0, 0.0, 0.0]),
    references=torch.zeros(3),
)
"""Chosen: two tokens at 0.8 and 0.5; rejected: one at 0.1."""


def test_simpo_is_the_formula_by_hand() -> None:
    """Means log(0.4) / 2 = -0.4581 and log 0.1 = -2.3026; twice their difference is 3.6889.

    With a margin of 1: log(1 + exp(1 - 3.6889)) = 0.0657.
    """
    assert math.log1p(math.exp(1 - math.log(0.4) + 2 * math.log(0.1))) == pytest.approx(
        0.0657, abs=5e-5
    )
    assert float(SimPo()(LOGITS, PAIR).sum()) == pytest.approx(0.0657, abs=5e-5)


def test_redi_is_the_formula_by_hand() -> None:
    """0.4581 for what is learned, and 0.8 of -2.3026 for what is unlearned: -1.3839."""
    assert float(Redi()(LOGITS, PAIR).sum()) == pytest.approx(-1.3839, abs=5e-5)


@pytest.mark.filterwarnings("ignore")
def test_trls_simpo_is_the_same() -> None:
    """TRL has it in its CPO trainer, which divides the margin by beta and multiplies it again."""
    cpo = pytest.importorskip("trl.experimental.cpo")
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = -3 * torch.rand(2, 5, generator=generator)
    this = SimpleNamespace(
        beta=2.5,
        alpha=0.0,
        simpo_gamma=0.75,
        label_smoothing=0.0,
        loss_type="simpo",
        accelerator=SimpleNamespace(device="cpu"),
    )
    chosen, rejected = (x.requires_grad_() for x in (chosen, rejected))
    right, *_ = cpo.CPOTrainer.cpo_loss(this, chosen, rejected)
    right.sum().backward()
    for pair, expected, slopes in zip(
        torch.stack([chosen, rejected], 1).detach(),
        right.detach(),
        torch.stack([chosen.grad, rejected.grad], 1),
        strict=True,
    ):
        # Responses of one token each, whose log-probabilities are their means.
        own = pair.requires_grad_()
        logits = torch.stack([torch.log1p(-own.exp()), own], -1)
        targets = Targets(
            *(torch.tensor(x) for x in ([1, 1], [1.0, -1.0], [0, 1], [0, 0], [1.0, 0.0])),
            references=torch.zeros(2),
        )
        found = SimPo(beta=2.5, gamma=0.75)(logits, targets).sum()
        found.backward()  # type: ignore[no-untyped-call]
        assert float(found.detach()) == pytest.approx(float(expected), rel=1e-5)
        torch.testing.assert_close(own.grad, slopes, rtol=1e-4, atol=1e-6)


# -- what they teach -------------------------------------------------------------------------

DATA: Data = tuple(
    Example(f"copy {a}{b}=", a + b, "copy", rejected=b + a) for a in "abcd" for b in "wxyz"
)


def learned(loss: Loss) -> np.ndarray:
    """By how much chosen and rejected responses have become likelier, on average, shape (2,)."""
    student: Any = untrained_tiny(1)
    prompts = [Prompt(e.prompt) for e in DATA]
    responses = ([e.target for e in DATA], [str(e.rejected) for e in DATA])

    def means() -> np.ndarray:
        return np.array(
            [np.mean([s.mean() for s in student.logprobs(prompts, r)]) for r in responses]
        )

    before = means()
    settings = FineTuningSettings(epochs=4, learning_rate=3e-4, optimizer="adamw", loss=loss)
    FineTuner(settings).train(student, DATA, np.random.default_rng(0))
    gained: np.ndarray = means() - before
    return gained


def test_all_prefer_what_is_chosen_and_a_gentler_redi_keeps_it_likelier() -> None:
    """Chosen and rejected responses have the same letters, so learning one lifts the other."""
    gains = {
        "simpo": learned(SimPo()),
        **{alpha: learned(Redi(alpha=alpha)) for alpha in (0.0, 0.5, 1.0)},
    }
    for name in ("simpo", 0.5, 1.0):
        chosen, rejected = gains[name]
        assert chosen > rejected
    assert gains[0.0][0] > gains[0.5][0] > gains[1.0][0]
    assert gains[0.0][1] > gains[0.5][1] > gains[1.0][1]


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "setting", "value"),
    [
        ("simpo", "beta", 0.0),
        ("simpo", "gamma", -0.1),
        ("redi", "alpha", 1.5),
        ("redi", "alpha", math.nan),
    ],
)
def test_settings_out_of_range_are_refused(loss: str, setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}; it must be"):
        FineTuningSettings(loss=loss, loss_settings={setting: value})
