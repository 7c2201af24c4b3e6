"""The kernel's seam, by a stand-in that any CPU runs, and Liger's own where it is installed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from teachgym.errors import ConfigError
from teachgym.students.local.pool import StudentPool
from teachgym.students.lora import LoRASettings
from teachgym.training import heads
from teachgym.training.captured import CapturedUpdates
from teachgym.training.datum import Datum, Text
from teachgym.training.forward import run_pass
from teachgym.training.heads import kernel_for
from teachgym.training.losses import Joint, Sft
from teachgym.training.packing import passes
from teachgym.training.preferences import Dpo
from teachgym.training.settings import FineTuningSettings
from tests.students.models import make_pool, scatter_adapters
from tests.students.waiting import forbid_waiting
from tests.training.test_captured import compare, taught

LORA = LoRASettings(rank=4, dropout=0.0)
SIGNED = (0.0, 0.0, 1.0, -0.5, 0.25)
"""Of five tokens: two that are read alone, and three of which one becomes less likely."""


def stand_in(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What Liger's kernel does, written down: softmax less the label, in the place of logits."""
    losses = F.cross_entropy(logits.float(), labels, reduction="none")
    slopes = logits.float().softmax(-1)
    logits.copy_(slopes.scatter_add_(1, labels[:, None], -torch.ones_like(losses)[:, None]))
    return losses


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that runs on CPUs, as Triton's interpreter would."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(heads, "liger", lambda: stand_in)


def lenient(count: int = 1, **others: Any) -> StudentPool:
    """A pool that is not strict, with adapters."""
    pool = make_pool(count, lora=LORA, **others)
    pool.layout.strict = False
    return pool


def gradients(kernel: heads.Kernel | None, count: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Losses and gradients of a pass of weighted texts, 2 to 4 for each student."""
    pool = lenient(count)
    scatter_adapters(pool)
    texts = [Text(tuple(range(3 + k, 8 + k)), SIGNED) for k in range(4)]
    now = [[Datum((text,)) for text in texts[: 2 + k]] for k in range(count)]
    (one,) = passes(now, 10**6, [1.5] * count)
    losses = run_pass(pool, one, Sft(), kernel=kernel)
    return losses, [w.grad.clone() for w in pool.weights if w.grad is not None]


def check(kernel: heads.Kernel, count: int) -> None:
    found, expected = gradients(kernel, count), gradients(None, count)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=1e-6)
    assert len(found[1]) == len(expected[1]) == 28
    for ours, theirs in zip(found[1], expected[1], strict=True):
        assert (ours - theirs).norm() <= 2e-6 * theirs.norm()


@pytest.mark.parametrize("count", [1, 3])
def test_weights_of_either_sign_have_the_gradients_of_autograd(count: int) -> None:
    check(stand_in, count)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
def test_the_kernel_of_liger_does_the_same(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by Triton's interpreter, which has to be switched on before Triton is imported."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("liger_kernel.ops.cross_entropy")
    check(heads.liger(), count)


@pytest.mark.sweep(2)
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("logits_at_once", [10**6, 400])
def test_training_is_the_same(
    captured: bool, logits_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six updates of two students, with all rows at once and some at a time."""
    for module in ("captured", "forward"):
        monkeypatch.setattr(f"teachgym.training.{module}._LOGITS_AT_ONCE", logits_at_once)
    expected = taught(lenient(2), captured=captured, epochs=2)
    compare(taught(lenient(2), captured=captured, epochs=2, fused=True), expected)


@pytest.mark.usefixtures("installed")
def test_nothing_is_read_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the step can be captured."""
    updates = CapturedUpdates(lenient(), FineTuningSettings(fused=True, optimizer="adamw"), Sft())
    data = [Datum((Text(tuple(range(3, 8)), SIGNED),))]
    keys = forbid_waiting(monkeypatch)
    with updates.training([1], [0]):
        losses = updates.differentiate([data])
    assert losses.isfinite().all()
    assert keys


@pytest.mark.usefixtures("installed")
def test_it_is_chosen_where_it_computes_the_loss_and_refused_elsewhere() -> None:
    pool = lenient(2)
    assert kernel_for(pool, Sft(), True) is stand_in
    assert kernel_for(pool, Joint(), True) is stand_in
    assert kernel_for(pool, Sft(), False) is None
    assert kernel_for(pool, Sft(), None) is None  # on a CPU
    pool.network.model.config.logit_scale = 0.5
    with pytest.raises(ConfigError, match="scales or caps"):
        kernel_for(pool, Sft(), True)
    for other, loss, reason in (
        (lenient(), Dpo(), "Dpo is not plain cross entropy"),
        (make_pool(), Sft(), "head is trained"),
        (make_pool(2, lora=LORA), Sft(), "strict"),
    ):
        with pytest.raises(ConfigError, match=reason):
            kernel_for(other, loss, True)


def test_on_a_cpu_it_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ConfigError, match="runs on GPUs"):
        kernel_for(lenient(), Sft(), True)
