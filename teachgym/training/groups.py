"""Groups: several responses to one question, which are judged relative to each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Literal

from teachgym.training.datum import Datum, Sampled, Text
from teachgym.training.losses import Loss
from teachgym.training.policy_losses import PolicyLoss

Mean = Literal["responses", "tokens", "constant"]

_EPS = 1e-4
"""Added to a standard deviation, as in TRL's ``GRPOTrainer``."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response to a question of a group."""

    ids: tuple[int, ...]
    """Its tokens, the end included if it has one."""
    reward: float = math.nan
    """In [0, 1]; nan = not measured."""
    own: bool = True
    """Whether the student wrote it."""

    @property
    def right(self) -> bool:
        """Whether it has full marks."""
        return self.reward >= 1


@dataclass(frozen=True, slots=True)
class Group:
    """A question with responses to it."""

    prompt: tuple[int, ...]
    """Token ids."""
    responses: tuple[Response, ...]

    @property
    def solved(self) -> bool:
        """Whether any response is right."""
        return any(r.right for r in self.responses)

    def datum(self, response: Response, *, sampled: Sampled | None = None) -> Datum:
        """A response as training data, in which each token has the weight 1."""
        weights = (*(0.0 for _ in self.prompt), *(1.0 for _ in response.ids))
        return Datum((Text((*self.prompt, *response.ids), weights),), sampled=sampled)


def advantages(rewards: Sequence[float], *, scaled: bool) -> list[float]:
    """The excess of each reward over the group's mean; 0 for unmeasured responses.

    DeepSeekMath (arXiv 2402.03300), section 4.1.2: in standard deviations, here that of the sample
    with 1e-4 added, as in TRL. Dr. GRPO (Liu et al. 2025, arXiv 2503.20783, section 3) leaves the
    division out (``scaled`` False), by which very easy and very hard questions count more.

    Example:
        >>> advantages([1.0, 0.0, 0.0, 0.0], scaled=False)
        [0.75, -0.25, -0.25, -0.25]
        >>> [round(a, 3) for a in advantages([1.0, 0.0, 0.0, 0.0, math.nan], scaled=True)]
        [1.5, -0.5, -0.5, -0.5, 0.0]
    """
    known = [r for r in rewards if not math.isnan(r)]
    if len(known) < 2:
        return [0.0] * len(rewards)
    mean, scale = fmean(known), stdev(known) + _EPS if scaled else 1.0
    return [0.0 if math.isnan(r) else (r - mean) / scale for r in rewards]


def rescued(group: Group, solutions: Sequence[Response], most: int) -> Group:
    """The group with right solutions in place of its last responses, if none of them is right.

    AMPO (Yuan et al. 2025, arXiv 2510.02227): a group in which everything is wrong has no
    gradient, and gets the first ``most`` of the solutions, in place of as many failures.
    """
    chosen = tuple(solutions[: min(most, len(group.responses))])
    if group.solved or not chosen:
        return group
    return replace(group, responses=group.responses[: -len(chosen)] + chosen)


def data_of(
    groups: Sequence[Group], loss: Loss, *, scaled: bool, mean: Mean, progress: float
) -> list[Datum]:
    """The responses that have a gradient, with advantages and pulls.

    Args:
        groups: of one student and update.
        loss: what is to be told of them.
        scaled: see ``advantages``.
        mean: ``responses``: the weights of each sum to 1; else every token has the weight 1.
        progress: share of the updates that have been made, in [0, 1].
    """
    data = []
    for group in groups:
        graded = advantages([r.reward for r in group.responses], scaled=scaled)
        for response, advantage in zip(group.responses, graded, strict=True):
            sampled = None
            if isinstance(loss, PolicyLoss):
                pull = loss.pull(progress, right=response.right, solved=group.solved)
                if not (pull or (advantage and loss.needs.graded)):
                    continue
                sampled = Sampled(advantage, pull, own=response.own)
            datum = group.datum(response, sampled=sampled)
            data.append(datum.shared() if mean == "responses" else datum)
    return data


def total_of(groups: Sequence[Group], mean: Mean, longest: int) -> float:
    """The divisor of the groups' weighted losses for their mean.

    All responses count, those without a gradient too. ``constant``: as if each were ``longest``
    tokens long (Dr. GRPO).
    """
    lengths = [len(r.ids) for group in groups for r in group.responses]
    if mean == "tokens":
        return float(sum(lengths))
    return float(len(lengths) * (longest if mean == "constant" else 1))
