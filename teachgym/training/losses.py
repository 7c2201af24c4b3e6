"""Losses, which see the logits of target positions and the data about them.

``LOSSES`` names the built-in ones; one of your own is a class like them, in any file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch.nn import functional as F

from teachgym.errors import ConfigError
from teachgym.registry import Registry
from teachgym.shown import shown

RecordT = TypeVar("RecordT")


@dataclass(frozen=True)
class Needs:
    """The inputs that a loss needs; trainers compute them once, before the first update."""

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
    ratios: bool = False
    """Whether it follows ratios of the probabilities of two teacher models instead."""
    temperature: float = 1.0
    """The divisor of the teacher model's logits before they become probabilities, > 0."""
    sampled: bool = False
    """Whether it learns from responses that the student samples while it is trained."""
    imitated: bool = False
    """Whether it learns right targets beside what is sampled."""
    graded: bool = False
    """Whether it is told how good a sampled response is; needs a task."""
    guided: bool = False
    """Whether the reference is a teacher model instead of the student before training."""
    groups: bool = False
    """Whether it couples the rows of a group, which then are never parted."""
    mean: Literal["tokens", "examples"] = "tokens"
    """The unit of the mean over a batch: target tokens or examples."""
    pieces: bool = False
    """Whether it follows how likely a teacher model, of any tokens, finds pieces of the target, and
    not its likeliest tokens."""
    joint: bool = False
    """Whether examples with the same ``meta["joint"]`` are always in the same batch."""
    contrast: bool = False
    """Whether it compares the target of an example that has them with another of its soft labels
    and with its rejected response."""
    hidden: bool = False
    """Whether it sees the hidden states of rows."""
    prompt_weight: float = 0.0
    """Weight of the tokens of prompts, >= 0."""


@dataclass(frozen=True)
class TopK:
    """A teacher model's k likeliest tokens at each of n rows."""

    ids: torch.Tensor
    """Tokens, shape (n, k), of 32 bits where they are kept and 64 where they are used."""
    logprobs: torch.Tensor
    """Their log-probabilities among all tokens, shape (n, k)."""
    rest: torch.Tensor
    """Log-probability that it is none of them, shape (n,); finite."""


def concatenated(told: Sequence[TopK]) -> TopK:
    """The rows of several, one after another."""
    parts = zip(*((t.ids, t.logprobs, t.rest) for t in told), strict=True)
    ids, logprobs, rest = map(torch.cat, parts)
    return TopK(ids, logprobs, rest)


@dataclass(frozen=True)
class Pieces:
    """Pieces of text, of one token or several, under a teacher model with another tokenizer."""

    numbers: torch.Tensor
    """Number of the piece that each row belongs to, rising, shape (n,)."""
    logprobs: torch.Tensor
    """Log-probability of that piece, shape (n,); nan where nothing is known of it."""
    known: torch.Tensor | None = None
    """Rows of each piece, where they have been counted; some may be 0."""

    @property
    def lengths(self) -> torch.Tensor:
        """Rows of each piece, shape (n_pieces,)."""
        return _runs(self.numbers) if self.known is None else self.known


@dataclass(frozen=True)
class SampledRows:
    """The data of n tokens of responses that were sampled in training."""

    advantages: torch.Tensor
    """The amount by which the response is better than its group's mean, shape (n,)."""
    pulls: torch.Tensor
    """Weight of the divergence from the reference, shape (n,), >= 0."""
    logprobs: torch.Tensor
    """Log-probability when it was sampled, shape (n,); nan = what it is now."""
    own: torch.Tensor
    """Whether the student wrote it, bool, shape (n,)."""


@dataclass(frozen=True)
class Sizes:
    """The numbers of rows that belong together, kept on the host to avoid waiting for a device."""

    groups: torch.Tensor
    """Rows of each group, shape (n_groups,); some may be 0."""
    texts: torch.Tensor
    """Rows of each response, shape (n_texts,); some may be 0."""


@dataclass(frozen=True)
class Targets:
    """The targets of n rows of logits; the rows of a group are consecutive."""

    labels: torch.Tensor
    """The token that was there, shape (n,)."""
    weights: torch.Tensor
    """Share of the row in its student's mean, shape (n,); below 0 in a rejected response and where
    the spans of a target say so."""
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
    pieces: Pieces | None = None
    """None where nobody asked."""
    hidden: torch.Tensor | None = None
    """The last hidden states, of which the logits are made, shape (n, d); None where nobody
    asked."""
    sizes: Sizes | None = None
    """None where the rows of groups and responses have not been counted."""

    @property
    def counts(self) -> torch.Tensor:
        """Rows of each group, shape (n_groups,)."""
        return _runs(self.groups) if self.sizes is None else self.sizes.groups

    @property
    def lengths(self) -> torch.Tensor:
        """Rows of each response, shape (n_texts,)."""
        return _runs(self.texts) if self.sizes is None else self.sizes.texts

    def part(self, start: int, stop: int, device: torch.device) -> Targets:
        """Rows ``start`` to ``stop``, on ``device``; numbers of rows are known of all alone."""
        whole = stop - start == len(self.labels)
        known = self.pieces.known if self.pieces and whole else None
        pieces = self.pieces and replace(self.pieces, known=None)
        rows = replace(self, pieces=pieces, hidden=None, sizes=None)
        part = mapped(rows, lambda of: of[start:stop].to(device))
        return replace(
            part,
            teacher=part.teacher and replace(part.teacher, ids=part.teacher.ids.long()),
            pieces=part.pieces and replace(part.pieces, known=known),
            sizes=self.sizes if whole else None,
        )


def mapped(record: RecordT, change: Callable[[torch.Tensor], torch.Tensor]) -> RecordT:
    """The same dataclass with all of its tensors changed, and those of dataclasses within it."""
    changed: dict[str, Any] = {}
    for name, value in vars(record).items():
        if isinstance(value, torch.Tensor):
            changed[name] = change(value)
        elif is_dataclass(value):
            changed[name] = mapped(value, change)
    return replace(record, **changed)  # type: ignore[type-var]  # a dataclass


def _runs(numbers: torch.Tensor) -> torch.Tensor:
    """The lengths of runs of equal numbers; (n,) -> (n_runs,)."""
    counts: torch.Tensor = torch.unique_consecutive(numbers, return_counts=True)[1]
    return counts


def sums(rows: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The sum of each run of rows, in an order independent of others; (n,) -> (n_runs,).

    Args:
        rows: shape (n,).
        lengths: rows of each run, n together, which is not checked: a GPU would have to be waited
            for.
    """
    return torch.segment_reduce(rows, "sum", lengths=lengths, unsafe=True)


def spread(each: torch.Tensor, lengths: torch.Tensor, n: int) -> torch.Tensor:
    """The value of each run at every row of it, (n_runs,) -> (n,)."""
    return each.repeat_interleave(lengths, output_size=n)


@runtime_checkable
class Loss(Protocol):
    """A loss; its settings are the fields of the dataclass that derives from this class."""

    @property
    def needs(self) -> Needs:
        """The inputs that the loss needs; by default only prompts and targets."""
        return Needs()

    @abstractmethod
    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The weighted loss of each row, shape (n,), in 32 bits; ``logits`` are (n, V)."""


def losses_of(loss: Loss, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """The loss of each row as ``loss`` gives it, shape (n,).

    Raises:
        ConfigError: for anything else, such as the sum or the mean over rows.
    """
    losses: Any = loss(logits, targets)
    wanted = tuple(targets.labels.shape)
    if not isinstance(losses, torch.Tensor) or losses.shape != wanted:
        is_tensor = isinstance(losses, torch.Tensor)
        found = f"shape {tuple(losses.shape)}" if is_tensor else shown(losses)
        raise ConfigError(
            f"{type(loss).__name__} gives {found}; it must give the weighted loss of each row, "
            f"shape {wanted}, of which trainers make the sum"
        )
    return losses


def cross_entropy(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Negative log-probability of each label, shape (n,), in 32 bits."""
    return F.cross_entropy(logits.float(), targets.labels, reduction="none")


@dataclass(frozen=True)
class Sft(Loss):
    """Supervised fine-tuning: weighted cross entropy of each row.

    Spans with a weight of 0 are read and not learned, as the wrong steps of STeP (arXiv
    2505.20023) and the thoughts of PTR are; those below 0 become less likely. Of an example with
    soft labels, each response counts as often as it is likely, so that the loss is the expected
    one of a response drawn from them: up to a constant, the KL divergence from the labels to the
    student's distribution over responses.
    """

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        return cross_entropy(logits, targets) * targets.weights


@dataclass(frozen=True)
class Joint(Sft):
    """Supervised fine-tuning on groups of examples as one: RevThink's objective.

    Chen et al. 2024 (arXiv 2411.19865), section 3.2: of n questions Q with forward reasoning R, a
    backward question B and its reasoning S, ::

        1 / 3n * sum [CE(R | Q) + CE(B | Q) + CE(S | B)]

    with the mean over tokens in each cross entropy. The three are examples with the same
    ``meta["joint"]``, which stay in one update; where one of them is missing, the others count as
    they do. Other examples are trained on as they are.
    """

    needs = Needs(joint=True, mean="examples")
    """Examples that belong together, each counting alike."""


def require_given(loss: Loss) -> Loss:
    """Return the loss if it learns from responses that exist before training, else raise.

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
        "joint": "teachgym.training.losses:Joint",
        "dpo": "teachgym.training.preferences:Dpo",
        "simpo": "teachgym.training.preferences:SimPo",
        "redi": "teachgym.training.preferences:Redi",
        "distillation": "teachgym.training.distillation:Distillation",
        "alm": "teachgym.training.alm:Alm",
        "contrast": "teachgym.training.contrast:Contrast",
        "grpo": "teachgym.training.policy_losses:Grpo",
        "kdrl": "teachgym.training.policy_losses:Kdrl",
        "reverse-kl": "teachgym.training.policy_losses:ReverseKl",
        "adpa": "teachgym.training.policy_losses:Adpa",
    },
    functions=True,
    base=Loss,
)
"""Every loss, called as ``(**settings)``."""
