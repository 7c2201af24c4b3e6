"""``Contrast``: pull hidden states of right answers together, and away from a wrong one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from teachgym.settings import NotNegative, Share, checked
from teachgym.training.losses import Loss, Needs, Targets, cross_entropy


@checked
@dataclass(frozen=True)
class Contrast(Loss):
    """Learn-to-Reason's objective: cross entropy with a triplet loss on hidden states.

    Wang et al. 2023 (arXiv 2310.13332), section 3.3 and the authors' code. With h the last hidden
    state of a right answer, h+ that of another right answer to the same prompt, h- that of the
    student's own wrong one and d the cosine distance::

        CE + weight * max(0, d(h, h+) - d(h, h-) + margin)

    An example has the triplet if it has a rejected response and soft labels, of which the first
    that is not its target is the other right answer; cross entropy is of the target. The state is
    that of the last token before the end. Unlike the authors' code,
    gradients flow into the reading of the prompt, the triplets' mean is over all examples of the
    batch and not over those that have one, and weights sum to 1 within an example instead of being
    divided by its length.
    """

    weight: NotNegative = 0.5
    """Weight of the triplets, >= 0."""
    margin: NotNegative = 1.0
    """By how much the wrong answer is to be farther away, >= 0."""
    prompt_weight: Share = 0.1
    """Weight of the prompt's tokens in the cross entropy, in [0, 1]."""

    @property
    def needs(self) -> Needs:
        """Triplets, whole, with hidden states."""
        return Needs(
            contrast=True,
            hidden=True,
            groups=True,
            mean="examples",
            prompt_weight=self.prompt_weight,
        )

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        assert targets.hidden is not None
        counts = targets.counts
        firsts = counts.cumsum(0) - counts  # (n_groups,)
        of_target = targets.texts == targets.texts[firsts].repeat_interleave(counts)
        losses = cross_entropy(logits, targets) * targets.weights * of_target
        ends = torch.unique_consecutive(targets.texts, return_counts=True)[1].cumsum(0) - 1
        n_texts = torch.unique_consecutive(targets.groups[ends], return_counts=True)[1]
        whole = n_texts == 3
        anchors = (n_texts.cumsum(0) - n_texts)[whole]
        states = targets.hidden.float()[ends]
        right, other, wrong = (states[anchors + i] for i in range(3))
        near, far = (F.cosine_similarity(right, to, dim=-1) for to in (other, wrong))
        triplets = (self.margin + far - near).clamp(min=0) * targets.shares[firsts[whole]]
        return losses.index_add(0, firsts[whole], self.weight * triplets)
