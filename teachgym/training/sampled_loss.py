"""``AsSampled``: a loss of the distribution that responses were drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch

from teachgym.students.local.automaton import Automaton
from teachgym.training.datum import Datum, by_datum
from teachgym.training.losses import Loss, Needs, Targets, cross_entropy, losses_of
from teachgym.training.packing import passes


@dataclass(frozen=True, eq=False)
class AsSampled(Loss):
    """A loss of the distribution at a temperature, which notes log-probabilities on the way."""

    loss: Loss
    temperature: float
    """Divides the logits."""
    noted: list[torch.Tensor]
    """The log-probabilities of all rows are added to it, pass by pass."""
    automaton: Automaton | None = None
    """The automaton among whose tokens probabilities are; None = among all tokens. A token without
    a choice then has the log-probability 0 and no gradient."""

    @property
    def needs(self) -> Needs:
        """The loss's; with an automaton, responses are never parted, since it has to read them."""
        needs = self.loss.needs
        return needs if self.automaton is None else replace(needs, groups=True)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says."""
        logits = self._allowed(logits, targets) / self.temperature
        self.noted.append(-cross_entropy(logits.detach(), targets).cpu())
        return losses_of(self.loss, logits, targets)

    def _allowed(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The logits, -inf where a token may not follow."""
        if self.automaton is None:
            return logits
        texts = torch.split(targets.labels, targets.lengths.tolist())
        states = [*chain(*(self.automaton.states(text.tolist()) for text in texts))]
        tokens = self.automaton.tokens[states].to(logits.device)  # (n, B)
        n, n_tokens = logits.shape
        barred = torch.ones(n, n_tokens + 1, dtype=torch.bool, device=logits.device)
        barred.scatter_(1, tokens.where(tokens >= 0, n_tokens), value=False)
        return logits.masked_fill(barred[:, :n_tokens], -torch.inf)


def noted_of(
    data: Sequence[Sequence[Datum]], noted: Sequence[torch.Tensor], budget: int
) -> Iterator[tuple[Datum, tuple[float, ...]]]:
    """The responses of passes over ``data``, each with the log-probabilities that were noted."""
    read = [datum for one in passes(data, budget) for datum in one.data]
    for datum, logprobs in by_datum(read, torch.cat([*noted, torch.zeros(0)])):
        yield datum, tuple(logprobs.tolist())
