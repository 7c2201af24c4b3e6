"""What is minimised: a loss sees the logits of target positions and what is known of them.

``LOSSES`` names the built-in ones; one of your own is a class like them, in any file.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch.nn import functional as F

from teachgym.errors import ConfigError
from teachgym.registry import Registry
from teachgym.settings import NotNegative, Positive, checked


@dataclass(frozen=True)
class Needs:
    """What a loss must be told of examples; trainers compute it once, before the first update."""

    rejected: bool = False
    """Whether it learns from the rejected response of an example, beside the target."""
    unpaired: bool = True
    """Whether an example without a rejected response teaches it anything; if not, such examples
    are neither trained on nor charged."""
    references: bool = False
    """Whether it compares with the student as it was before training. With ``rejected``, only
    examples that have a rejected response are read for it."""
    teacher: bool = False
    """Whether it follows the log-probabilities of a teacher model."""
    temperature: float = 1.0
    """What the teacher model's logits are divided by before they become probabilities, > 0."""
    sampled: bool = False
    """Whether it learns from responses that the student samples while it is trained."""
    graded: bool = False
    """Whether it is told how good a sampled response is; needs a task."""
    guided: bool = False
    """Whether the reference is a teacher model instead of the student before training."""
    groups: bool = False
    """Whether it couples the rows of a group, which then are never parted."""
    mean: Literal["tokens", "examples"] = "tokens"
    """What counts alike in the mean over a batch: every target token, or every example."""


@dataclass(frozen=True)
class TopK:
    """A teacher model's k likeliest tokens at each of n rows."""

    ids: torch.Tensor
    """Tokens, shape (n, k), of 32 bits where they are kept and 64 where they are used."""
    logprobs: torch.Tensor
    """Their log-probabilities among all tokens, shape (n, k)."""


@dataclass(frozen=True)
class SampledRows:
    """What is known of n tokens of responses that were sampled in training."""

    advantages: torch.Tensor
    """How much better than its group's mean the response is, shape (n,)."""
    pulls: torch.Tensor
    """Weight of the divergence from the reference, shape (n,), >= 0."""
    logprobs: torch.Tensor
    """Log-probability when it was sampled, shape (n,); nan = what it is now."""
    own: torch.Tensor
    """Whether the student wrote it, bool, shape (n,)."""


@dataclass(frozen=True)
class Targets:
    """What n rows of logits should have predicted; those of a group follow one another."""

    labels: torch.Tensor
    """The token that was there, shape (n,)."""
    weights: torch.Tensor
    """Share of the row in its student's mean, shape (n,); below 0 in a rejected response."""
    texts: torch.Tensor
    """Number of the response that the row belongs to, rising, shape (n,)."""
    groups: torch.Tensor
    """Number of the example, with all of its responses, rising, shape (n,)."""
    shares: torch.Tensor
    """Share of a group in its student's mean, shape (n,): at its first row if it has several
    responses, 0 elsewhere."""
    references: torch.Tensor
    """Log-probability of the label under the reference, shape (n,); 0 where nobody asked."""
    teacher: TopK | None = None
    """None where the data has nothing of a teacher model."""
    sampled: SampledRows | None = None
    """None where nothing was sampled."""

    @property
    def counts(self) -> torch.Tensor:
        """Rows of each group, shape (n_groups,)."""
        counts: torch.Tensor = torch.unique_consecutive(self.groups, return_counts=True)[1]
        return counts

    def part(self, start: int, stop: int, device: torch.device) -> Targets:
        """Rows ``start`` to ``stop``, on ``device``."""

        def rows(of: torch.Tensor) -> torch.Tensor:
            return of[start:stop].to(device)

        return Targets(
            rows(self.labels),
            rows(self.weights),
            rows(self.texts),
            rows(self.groups),
            rows(self.shares),
            rows(self.references),
            self.teacher and TopK(rows(self.teacher.ids).long(), rows(self.teacher.logprobs)),
            self.sampled and SampledRows(*map(rows, vars(self.sampled).values())),
        )


@runtime_checkable
class Loss(Protocol):
    """A loss; its settings are the fields of the dataclass that derives from this class."""

    @property
    def needs(self) -> Needs:
        """What it must be told; by default prompts and targets alone."""
        return Needs()

    @abstractmethod
    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The weighted loss of each row, shape (n,), in 32 bits; ``logits`` are (n, V)."""


def cross_entropy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Negative log-probability of each label, shape (n,), in 32 bits."""
    return F.cross_entropy(logits.float(), targets.labels, reduction="none")


@dataclass(frozen=True)
class Sft(Loss):
    """Supervised fine-tuning: weighted cross entropy of each row."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        return cross_entropy(logits, targets) * targets.weights


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
    """How dear it is to leave the student as it was before training, > 0."""
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
        counts = targets.counts
        # Adds up each pair's rows in their order, whoever else is there.
        margins = torch.segment_reduce(ratios, "sum", lengths=counts)  # (n_groups,)
        preference = F.softplus(-self.beta * margins).repeat_interleave(counts) * targets.shares
        return preference + self.sft_weight * entropy * targets.weights.clamp(min=0)


def require_given(loss: Loss) -> Loss:
    """The loss, if it learns from responses that are there before training.

    Raises:
        ConfigError: if it learns from what the student samples.
    """
    if loss.needs.sampled:
        raise ConfigError(
            f"{type(loss).__name__} learns from what the student samples while it is trained; set "
            "trainer='on-policy', or another trainer_settings.loss"
        )
    return loss


LOSSES = Registry(
    "loss",
    {
        "sft": "teachgym.training.losses:Sft",
        "dpo": "teachgym.training.losses:Dpo",
        "grpo": "teachgym.training.policy_losses:Grpo",
        "kdrl": "teachgym.training.policy_losses:Kdrl",
        "reverse-kl": "teachgym.training.policy_losses:ReverseKl",
    },
    functions=True,
    base=Loss,
)
"""Every loss, called as ``(**settings)``."""
