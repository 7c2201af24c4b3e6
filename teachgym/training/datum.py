"""Examples as tokens; they never leave ``teachgym.training``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from teachgym.errors import ConfigError
from teachgym.shown import in_short
from teachgym.students.texts import Texts
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example
from teachgym.wellformed import fault_of_weights

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Datum:
    """An example as tokens."""

    ids: tuple[int, ...]
    """Prompt, target, end of sequence."""
    weights: tuple[float, ...]
    """Of the loss of each of ``ids``, >= 0: 0 for the prompt, 1 for the target and its end
    unless the example's spans say otherwise. With the loss ``dpo`` they sum to 1, so that a mean
    over target tokens is one over examples."""
    rejected: Datum | None = None
    """The worse response to the same prompt (or to as much of its end as fits beside it), for
    losses over pairs."""
    references: tuple[float, ...] = ()
    """Log-probabilities under the reference of all tokens with a weight, those of ``rejected``
    last; empty before they are known."""
    place: int = 0
    """Number of the example in the data that it was encoded from."""

    __repr__ = in_short

    @property
    def responses(self) -> tuple[Datum, ...]:
        """The texts that are read: the chosen one, and the rejected one if there is one."""
        return (self,) if self.rejected is None else (self, self.rejected)

    @property
    def n_targets(self) -> float:
        """Sum of the weights: how many target tokens the loss is a mean over."""
        return sum(self.weights)

    @property
    def n_rows(self) -> int:
        """Tokens with a weight, in all responses."""
        return sum(bool(weight) for text in self.responses for weight in text.weights)

    @property
    def n_tokens(self) -> int:
        """Tokens of all responses, the prompt in each."""
        return sum(len(text.ids) for text in self.responses)


def encode(texts: Texts, data: Data, settings: FineTuningSettings | None = None) -> list[Datum]:
    """Tokens and loss weights of the examples that ``settings`` find something to learn in.

    Raises:
        ConfigError: for spans that do not make up the target, weights that are not finite and
            >= 0, or a tokenizer that cannot tell where tokens are in a text.
    """
    pairs = texts.pairs([e.question for e in data], [e.target for e in data])
    encoded = []
    for place, (example, (prompt, target)) in enumerate(zip(data, pairs, strict=True)):
        weights = _span_weights(texts, example) if example.spans else [1.0] * len(target)
        encoded.append(replace(_datum(prompt, target, weights), place=place))
    if settings is None or settings.loss != "dpo":
        return encoded
    return _preferring(texts, data, encoded, settings)


def train_tokens(data: Sequence[Datum], settings: FineTuningSettings) -> int:
    """Tokens read in training: each once per epoch, those of pairs once more by the reference."""
    return sum(d.n_tokens * (settings.epochs + (d.rejected is not None)) for d in data)


def log_skipped(data: Sequence[Data], encoded: Sequence[Sequence[Datum]]) -> None:
    """Say how many examples have nothing to teach, if there are any."""
    n_all, n_used = sum(map(len, data)), sum(map(len, encoded))
    if n_used < n_all:
        _log.warning(
            "%d of %d examples are not trained on: they have no rejected response (set sft_weight "
            "above 0 to train on their targets), or no token of the target has a weight",
            n_all - n_used,
            n_all,
        )


def batches(
    data: Sequence[Datum], settings: FineTuningSettings, rng: np.random.Generator
) -> list[list[Datum]]:
    """The batch of each update: every epoch in a new order of ``rng``, the last batch smaller."""
    made = []
    for _ in range(settings.epochs):
        order = rng.permutation(len(data))
        for start in range(0, len(data), settings.batch_size):
            made.append([data[i] for i in order[start : start + settings.batch_size]])
    return made


def _datum(prompt: Sequence[int], target: Sequence[int], weights: Sequence[float]) -> Datum:
    # Nothing comes before the first token that could predict it.
    ids, all_weights = (*prompt, *target), (*([0.0] * len(prompt)), *weights[: len(target)])
    return Datum(ids, (0.0, *all_weights[1:]))


def _preferring(
    texts: Texts, data: Data, encoded: Sequence[Datum], settings: FineTuningSettings
) -> list[Datum]:
    """With rejected responses; without examples that would teach nothing."""
    worse = [e.rejected for e in data if e.rejected is not None]
    pairs = iter(texts.pairs([e.question for e in data if e.rejected is not None], worse))
    kept = []
    for example, datum in zip(data, encoded, strict=True):
        rejected = None
        if example.rejected is not None:
            prompt, target = next(pairs)
            rejected = _datum(prompt, target, [1.0] * len(target))
        total = datum.n_targets
        if total and (rejected or settings.sft_weight):
            weights = tuple(weight / total for weight in datum.weights)
            kept.append(replace(datum, weights=weights, rejected=rejected))
    return kept


def _span_weights(texts: Texts, example: Example) -> list[float]:
    """Each token has the weight of the span it begins in, the end token that of the last span."""
    if (fault := fault_of_weights(example)) is not None:
        raise ConfigError(fault)
    of_character = [weight for text, weight in example.spans for _ in text]
    return [*(of_character[i] for i in texts.starts(example.target)), example.spans[-1][1]]
