"""Examples as tokens; they never leave ``teachgym.training``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.errors import ConfigError
from teachgym.students.texts import Texts
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example


@dataclass(frozen=True, slots=True)
class Datum:
    """An example as tokens."""

    ids: tuple[int, ...]
    """Prompt, target, end of sequence."""
    weights: tuple[float, ...]
    """Of the loss of each of ``ids``, >= 0: 0 for the prompt, 1 for the target and its end
    unless the example's spans say otherwise."""

    @property
    def n_targets(self) -> float:
        """Sum of the weights: how many target tokens the loss is a mean over."""
        return sum(self.weights)


def encode(texts: Texts, data: Data) -> list[Datum]:
    """Tokens and loss weights of the examples.

    Raises:
        ConfigError: for spans that do not make up the target, or a tokenizer that cannot tell
            where tokens are in a text.
    """
    pairs = texts.pairs([e.prompt for e in data], [e.target for e in data])
    encoded = []
    for example, (prompt, target) in zip(data, pairs, strict=True):
        weights = _span_weights(texts, example) if example.spans else [1.0] * len(target)
        # Nothing comes before the first token that could predict it.
        before = [0.0] * len(prompt)
        ids, all_weights = (*prompt, *target), (*before, *weights[: len(target)])
        encoded.append(Datum(ids, (0.0, *all_weights[1:])))
    return encoded


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


def _span_weights(texts: Texts, example: Example) -> list[float]:
    """Each token has the weight of the span it begins in, the end token that of the last span."""
    if "".join(text for text, _ in example.spans) != example.target:
        raise ConfigError(
            f"the spans of {example.prompt!r} do not make up its target {example.target!r}; "
            "cut the target into pieces, without a gap"
        )
    if not texts.tokenizer.is_fast:
        raise ConfigError("loss spans need a fast tokenizer (tokenizer.json), this one is slow")
    of_character = [weight for text, weight in example.spans for _ in text]
    offsets: Sequence[tuple[int, int]] = texts.tokenizer(
        example.target, add_special_tokens=False, return_offsets_mapping=True
    )["offset_mapping"]
    return [*(of_character[first] for first, _ in offsets), example.spans[-1][1]]
