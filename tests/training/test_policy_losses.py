"""Losses over samples: by hand, against a plain implementation in 64 bits, and against TRL."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Loss, SampledRows, Targets
from teachgym.training.policy_losses import Estimator, Grpo, Kdrl, ReverseKl, divergence
from teachgym.training.settings import FineTuningSettings

NAN = math.nan
Facts = dict[str, Any]


def row(probability: float) -> list[float]:
    """Logits over two tokens that give the second one that probability."""
    return [math.log(1 - probability), math.log(probability)]


def targets_of(**facts: Any) -> Targets:
    """Rows with label 1 and weight 1, but for what is said."""
    n = len(facts["advantages"])
    usual: Facts = {"pulls": [0.0] * n, "logprobs": [NAN] * n, "own": [True] * n}
    usual |= {"weights": [1.0] * n, "references": [0.0] * n}
    told = usual | facts
    known = ("advantages", "pulls", "logprobs", "own")
    return Targets(
        labels=facts.get("labels", torch.ones(n, dtype=torch.long)),
        weights=torch.tensor(told["weights"]),
        texts=torch.arange(n),
        groups=torch.arange(n),
        shares=torch.zeros(n),
        references=torch.tensor(told["references"]),
        sampled=SampledRows(*(torch.tensor(told[name]) for name in known)),
    )


# -- by hand ---------------------------------------------------------------------------------


def test_a_gain_beyond_the_clip_is_no_gain_and_a_loss_beyond_it_is_a_loss() -> None:
    """Probabilities of 0.6 that were 0.4 have the ratio 1.5, clipped to 1.2 and with 0.3 to 1.3.

    With an advantage of 1 the smaller gain counts: 1.2; with -1 it is -1.5. Those that were 0.8
    have the ratio 0.75: with 1 the gain is 0.75, with -1 it is -0.8 by the clip.
    """
    before = [math.log(0.4)] * 2 + [math.log(0.8)] * 2
    rows = targets_of(advantages=[1.0, -1.0, 1.0, -1.0], logprobs=before)
    logits = torch.tensor([row(0.6)] * 4)
    found = Grpo(beta=0.0)(logits, rows)
    torch.testing.assert_close(found, torch.tensor([-1.2, 1.5, -0.75, 0.8]))
    wider = Grpo(beta=0.0, clip_high=0.3)(logits, rows)
    torch.testing.assert_close(wider, torch.tensor([-1.3, 1.5, -0.75, 0.8]))


def test_at_the_first_update_the_ratio_is_one_and_its_gradient_is_not() -> None:
    """d/dz of -A log p at p = 0.25 is A (p - 1) for the token's own logit: here 2 * -0.75."""
    logits = torch.tensor([row(0.25)], requires_grad=True)
    loss = Grpo(beta=0.0)(logits, targets_of(advantages=[2.0])).sum()
    assert loss.item() == -2.0
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[1.5, -1.5]]))


@pytest.mark.parametrize(
    ("kl", "value", "slope"),
    [
        ("k1", math.log(2), math.log(2)),
        ("k2", math.log(2) ** 2 / 2, math.log(2)),
        ("k3", math.log(2) - 0.5, 0.5),
    ],
)
def test_estimates_of_the_divergence(kl: Estimator, value: float, slope: float) -> None:
    """Where p = 0.5 and r = 0.25, d = log 2: k1 = d, k2 = d^2 / 2, k3 = 1/2 - 1 + d.

    By log p, k2 has the slope d and k3 1 - r / p; k1 has that of k2.
    """
    logprob = torch.tensor([math.log(0.5)], requires_grad=True)
    found = divergence(kl, logprob, torch.tensor([math.log(0.25)]))
    assert float(found.detach()) == pytest.approx(value)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert logprob.grad is not None
    assert float(logprob.grad) == pytest.approx(slope)


def test_in_the_mean_gradients_are_those_of_a_divergence() -> None:
    """Over all tokens of a vocabulary of three: k1 and k2 of KL(p || r), k3 of KL(r || p)."""
    logits = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True)
    r = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
    logp = logits.log_softmax(0)
    (reverse,) = torch.autograd.grad((logp.exp() * (logp - r)).sum(), logits, retain_graph=True)
    (forward,) = torch.autograd.grad((r.exp() * (r - logp)).sum(), logits, retain_graph=True)
    expected: dict[Estimator, torch.Tensor] = {"k1": reverse, "k2": reverse, "k3": forward}
    for kl, gradient in expected.items():
        mean = (logp.exp().detach() * divergence(kl, logp, r)).sum()
        (found,) = torch.autograd.grad(mean, logits, retain_graph=True)
        torch.testing.assert_close(found, gradient)


def test_a_solution_of_others_has_no_ratio_but_a_shape() -> None:
    """The shape p / (p + 0.1) at p = 0.4 is 0.8, times the advantage 1.5."""
    rows = targets_of(advantages=[1.5], own=[False])
    found = Grpo(beta=0.0)(torch.tensor([row(0.4)]), rows)
    torch.testing.assert_close(found, torch.tensor([-1.2]))


def test_the_teacher_s_weight_falls_and_may_be_left_to_those_who_need_it() -> None:
    """From 0.005 to 0.001 in a straight line; 0 on right responses, or in solved groups."""
    plain, wrong, unsolved = Kdrl(), Kdrl(on="wrong"), Kdrl(on="unsolved")
    weights = [plain.pull(t, right=True, solved=True) for t in (0.0, 0.5, 1.0)]
    assert weights == pytest.approx([0.005, 0.003, 0.001])
    cases = [{"right": r, "solved": s} for r, s in ((True, True), (False, True), (False, False))]
    assert [wrong.pull(0.0, **case) for case in cases] == [0.0, 0.005, 0.005]
    assert [unsolved.pull(0.0, **case) for case in cases] == [0.0, 0.0, 0.005]
    assert ReverseKl().pull(0.5, right=True, solved=True) == 1.0


def test_what_the_teacher_did_not_read_has_no_part_in_the_divergence() -> None:
    """Its reference stands at 0, where exp(d) of k3 would be beyond every float."""
    logits = torch.tensor([[200.0, 0.0]])
    found = Kdrl(kl="k3")(logits, targets_of(advantages=[0.5]))
    torch.testing.assert_close(found, torch.tensor([-0.5]))


@pytest.mark.parametrize("loss", ["grpo", "kdrl", "reverse-kl"])
def test_a_trainer_that_samples_nothing_refuses_them(loss: str) -> None:
    with pytest.raises(ConfigError, match="set trainer='on-policy'"):
        FineTuner(FineTuningSettings(loss=loss))


# -- against a plain implementation in 64 bits -----------------------------------------------


@st.composite
def samples(draw: st.DrawFn) -> tuple[torch.Tensor, Facts]:
    """Logits (n, 5) in 64 bits, and facts of each row."""
    n = draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    logits, labels = 2 * drawn(n, 5), torch.randint(5, (n,), generator=generator)
    logprobs = logits.log_softmax(-1)[torch.arange(n), labels]
    before = logprobs + 0.4 * drawn(n)
    facts = {
        "labels": labels,
        "advantages": drawn(n).tolist(),
        "logprobs": [NAN if draw(st.booleans()) else x for x in before.tolist()],
        "references": (logprobs + drawn(n)).tolist(),
        "own": [draw(st.integers(0, 3)) > 0 for _ in range(n)],
        "pulls": [draw(st.sampled_from([0.0, 0.3, 1.0])) for _ in range(n)],
        "weights": drawn(n).abs().tolist(),
    }
    return logits, facts


def plain(loss: Any, logits: torch.Tensor, facts: Facts) -> torch.Tensor:
    """The sum over rows, one row after the other, as the papers write it."""
    total = 0 * logits.sum()
    for i, label in enumerate(facts["labels"].tolist()):
        p = logits[i].softmax(-1)[label]
        value = torch.zeros((), dtype=torch.float64)
        if isinstance(loss, Grpo):
            advantage, then = facts["advantages"][i], facts["logprobs"][i]
            q = p.detach() if math.isnan(then) else math.exp(then)
            low, high = 1 - loss.clip, 1 + (loss.clip_high or loss.clip)
            objective = torch.min(p / q * advantage, torch.clamp(p / q, low, high) * advantage)
            if not facts["own"][i]:
                objective = p / (p + loss.shaping) * advantage
            value = value - objective
        if facts["pulls"][i]:
            r = math.exp(facts["references"][i])
            d = torch.log(p / r)
            estimate = {"k1": d.detach() * torch.log(p), "k2": d**2 / 2, "k3": r / p - 1 + d}[
                loss.kl
            ]
            if loss.kl == "k1":  # The value is d, whatever the gradient.
                estimate = estimate - estimate.detach() + d.detach()
            value = value + facts["pulls"][i] * estimate
        total = total + facts["weights"][i] * value
    return total


@pytest.mark.sweep(5)
@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
@pytest.mark.parametrize("kind", [Grpo, Kdrl, ReverseKl])
@given(drawn=samples(), clip_high=st.sampled_from([None, 0.28]))
def test_value_and_gradient_are_those_of_the_formula(
    kind: type[Loss], kl: str, drawn: tuple[torch.Tensor, Facts], clip_high: float | None
) -> None:
    logits, facts = drawn
    more = {} if kind is ReverseKl else {"clip_high": clip_high}
    loss: Any = kind(kl=kl, **more)
    exact, rounded = logits.clone().requires_grad_(), logits.float().requires_grad_()
    expected = plain(loss, exact, facts)
    found = loss(rounded, targets_of(**facts)).sum()
    expected.backward()  # type: ignore[no-untyped-call]
    found.backward()
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    assert rounded.grad is not None
    torch.testing.assert_close(rounded.grad.double(), exact.grad, rtol=1e-4, atol=1e-5)


# -- against TRL -----------------------------------------------------------------------------


def loss_of_trl(
    loss_type: str, logprobs: torch.Tensor, facts: dict[str, torch.Tensor], high: float
) -> Any:
    """What ``GRPOTrainer._compute_loss`` makes of two responses of at most 4 tokens."""
    trl = pytest.importorskip("trl.trainer.grpo_trainer")
    fake = MagicMock()
    fake.configure_mock(
        beta=0.04,
        epsilon_low=0.2,
        epsilon_high=high,
        loss_type=loss_type,
        max_completion_length=4,
        importance_sampling_level="token",
        top_entropy_quantile=1.0,
        use_vllm=False,
        off_policy_mask_threshold=None,
        aux_loss_enabled=False,
        entropy_coef=0.0,
        use_adaptive_entropy=False,
        current_gradient_accumulation_steps=1,
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False),
        _get_per_token_logps_and_entropies=lambda *a, **k: (logprobs, torch.zeros(2, 3), None),
    )
    fake.accelerator.gather = lambda x: x
    inputs = {
        "prompt_ids": torch.zeros(2, 1, dtype=torch.long),
        "prompt_mask": torch.ones(2, 1, dtype=torch.long),
        "completion_ids": torch.zeros(2, 3, dtype=torch.long),
        **facts,
    }
    return trl.GRPOTrainer._compute_loss(fake, None, inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss_type", "mean"), [("grpo", "responses"), ("bnpo", "tokens"), ("dr_grpo", "constant")]
)
@pytest.mark.parametrize("loss", [Grpo(beta=0.04, clip_high=0.28), Kdrl(kl="k3")], ids=str)
def test_value_and_gradient_are_those_of_trl(loss: Grpo, loss_type: str, mean: str) -> None:
    """Two responses of 3 and 2 tokens of at most 4, by its own code."""
    generator = torch.Generator().manual_seed(0)
    logprobs, before, references = (
        torch.randn(2, 3, generator=generator) * 0.3 - 1 for _ in range(3)
    )
    mask, advantages = torch.tensor([[1, 1, 1], [1, 1, 0]]), torch.tensor([0.7, -1.2])
    theirs = logprobs.clone().requires_grad_()
    facts = {
        "completion_mask": mask,
        "advantages": advantages,
        "old_per_token_logps": before,
        "ref_per_token_logps": references,
    }
    expected = loss_of_trl(loss_type, theirs, facts, loss.clip_high or loss.clip)
    expected.backward()

    told = mask.bool()
    counts = mask.sum(-1, keepdim=True)
    totals = {"responses": counts * 2.0, "tokens": mask.sum() * 1.0, "constant": torch.tensor(8.0)}
    weights = (mask / totals[mean])[told]
    own = logprobs[told].requires_grad_()
    # Two tokens, of which the first has the wanted probability.
    logits = torch.stack([own, torch.log1p(-own.exp())], -1)
    found = loss(
        logits,
        targets_of(
            labels=torch.zeros(5, dtype=torch.long),
            advantages=advantages[:, None].expand(2, 3)[told].tolist(),
            pulls=[0.04] * 5,
            logprobs=before[told].tolist(),
            references=references[told].tolist(),
            weights=weights.tolist(),
        ),
    ).sum()
    found.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert theirs.grad is not None
    torch.testing.assert_close(own.grad, theirs.grad[told], rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_a_teacher_is_followed_as_by_trls_sampled_tokens() -> None:
    """``IWOPDTrainer`` without weights by place: the gradient of k1 and of k2, per token."""
    iw_opd = pytest.importorskip("trl.experimental.iw_opd")
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(5, (6,), generator=generator)
    logits, references = (
        torch.randn(n, generator=generator)
        for n in ((6, 5), (6,))  # type: ignore[call-overload]
    )
    theirs = logits.clone().requires_grad_()
    this = MagicMock(temperature=1.0, iw_opd_gamma=0.0, iw_opd_epsilon=1e-8)
    right = iw_opd.IWOPDTrainer._compute_iw_opd_loss(
        this, theirs[None], labels[None], labels[None], references[None]
    )
    right.backward()
    for kl in ("k1", "k2"):
        own = logits.clone().requires_grad_()
        facts = {"labels": labels, "advantages": [0.0] * 6, "pulls": [1.0] * 6}
        rows = targets_of(**facts, references=references.tolist(), weights=[1 / 6] * 6)
        ReverseKl(kl=kl)(own, rows).sum().backward()  # type: ignore[no-untyped-call, arg-type]
        torch.testing.assert_close(own.grad, theirs.grad, rtol=1e-4, atol=1e-6)
