"""Losses over pairs: prefer each target to its rejected response."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from teachgym.settings import NotNegative, Positive, Share, checked
from teachgym.training.losses import Loss, Needs, Targets, cross_entropy, spread, sums


@checked
@dataclass(frozen=True)
class Dpo(Loss):
    """Direct preference optimisation: prefer each target to its rejected response.

    Rafailov et al. 2023 (arXiv 2305.18290), equation 7. For the chosen response w and the
    rejected one l to a prompt x::

        -log sigmoid(beta * [(log pi(w|x) - log ref(w|x)) - (log pi(l|x) - log ref(l|x))])

    plus ``sft_weight`` times the mean cross entropy of w's tokens (Pang et al. 2024, arXiv
    2404.19733, equation 1). Masked tokens are left out of both terms. The loss of a pair stands
    at its first row. Rows without a partner have the cross entropy alone.
    """

    beta: Positive = 0.1
    """The price of leaving the student as it was before training, > 0."""
    sft_weight: NotNegative = 0.0
    """Weight of the targets' cross entropy beside the preferences, >= 0. At 0, examples without a
    rejected response are neither trained on nor charged."""

    @property
    def needs(self) -> Needs:
        """Pairs, whole, with references."""
        return Needs(
            rejected=True,
            unpaired=self.sft_weight > 0,
            references=True,
            groups=True,
            mean="examples",
        )

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        entropy = cross_entropy(logits, targets)
        ratios = targets.weights.sign() * (-entropy - targets.references)
        preference = _of_pairs(F.softplus(-self.beta * _margins(ratios, targets)), targets)
        return preference + self.sft_weight * entropy * targets.weights.clamp(min=0)


@checked
@dataclass(frozen=True)
class SimPo(Loss):
    """SimPO: prefer each target by mean log-probability and a margin, without a reference.

    Meng et al. 2024 (arXiv 2405.14734), equation 6. For the chosen response w and the rejected one
    l to a prompt x::

        -log sigmoid(beta / |w| * log pi(w|x) - beta / |l| * log pi(l|x) - gamma)

    with the ends of responses counted in their lengths. Masked tokens are left out of both. The
    loss of a pair stands at its first row; examples without a partner are not trained on.
    """

    beta: Positive = 2.0
    """The weight of a difference of the mean log-probabilities, > 0."""
    gamma: NotNegative = 1.0
    """The margin to be reached, >= 0; the paper's are 0.3 to 1.6."""

    needs = Needs(rejected=True, unpaired=False, groups=True, mean="examples")
    """Pairs, whole."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        lengths = targets.lengths
        means = -cross_entropy(logits, targets) / spread(lengths, lengths, len(targets.labels))
        margins = _margins(targets.weights.sign() * means, targets)
        return _of_pairs(F.softplus(self.gamma - self.beta * margins), targets)


@checked
@dataclass(frozen=True)
class Redi(Loss):
    """REDI: learn each target, and unlearn its rejected response more gently.

    Xu et al. 2025 (arXiv 2505.24850), section 3. For the chosen response w and the rejected one l
    to a prompt x::

        -log pi(w|x) / |w| + alpha * log pi(l|x) / |l|

    with the ends of responses counted in their lengths. At alpha 0 it is supervised fine-tuning
    with the mean over examples; at 1 it is, up to a factor, the limit of DPO and SimPO at beta 0,
    in which both responses may become unlikely. Examples without a partner have the first term.
    """

    alpha: Share = 0.8
    """The weight of rejected responses, in [0, 1]."""

    needs = Needs(rejected=True, mean="examples")
    """Rejected responses."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        weights = torch.where(targets.weights < 0, self.alpha * targets.weights, targets.weights)
        return cross_entropy(logits, targets) * weights


def _margins(signed: torch.Tensor, targets: Targets) -> torch.Tensor:
    """The sum of each pair's rows in their order, whoever else is there, shape (n_groups,)."""
    return sums(signed, targets.counts)


def _of_pairs(losses: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Losses of pairs at the first row of each, shape (n,)."""
    return spread(losses, targets.counts, len(targets.shares)) * targets.shares
