"""Examples as tokens; they never leave ``teachgym.training``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from teachgym.errors import ConfigError
from teachgym.shown import in_short
from teachgym.streams import draw_entropy, order_of
from teachgym.students.texts import Texts
from teachgym.training.losses import Needs, TopK
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example
from teachgym.wellformed import fault_of_weights

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Text:
    """A prompt with a response to it, as tokens."""

    ids: tuple[int, ...]
    """Prompt, response, end of sequence."""
    weights: tuple[float, ...]
    """Of the loss of each of ``ids``: above 0 for what shall become likelier, below 0 for what
    shall not, 0 for the prompt, but for what the student wrote in earlier turns."""

    __repr__ = in_short

    @property
    def n_rows(self) -> int:
        """Tokens with a weight."""
        return sum(map(bool, self.weights))


@dataclass(frozen=True, slots=True)
class Sampled:
    """What is known of a response that was sampled in training."""

    advantage: float = 0.0
    """How much better than its group's mean it is."""
    pull: float = 0.0
    """Weight of its divergence from the reference, >= 0."""
    logprobs: tuple[float, ...] = ()
    """Log-probabilities of its tokens when it was sampled; empty = what they are now."""
    own: bool = True
    """Whether the student wrote it."""


@dataclass(frozen=True, slots=True)
class Datum:
    """An example as tokens: a group of responses to one prompt, or to as much of it as fits."""

    texts: tuple[Text, ...]
    """The target first, which is what means are over. Its tokens have the weight 1 unless the
    example's spans say otherwise, those of a rejected response -1. Where a loss has a mean over
    examples, the amounts of each response sum to 1."""
    references: tuple[float, ...] = ()
    """Log-probabilities under the reference of all tokens with a weight, text by text; empty
    before they are known."""
    teacher: TopK | None = field(default=None, compare=False)
    """A teacher model's likeliest tokens where each token with a weight is; None before it has
    read them, or without one."""
    place: int = 0
    """Number of the example in the data that it was encoded from."""
    sampled: Sampled | None = None
    """Of the only text, where the student sampled it in training."""

    __repr__ = in_short

    @property
    def identity(self) -> str:
        """Equal for data of equal texts."""
        return repr([text.ids for text in self.texts])

    @property
    def n_targets(self) -> float:
        """Sum of the weights of the target: how many tokens the loss is a mean over."""
        return sum(map(abs, self.texts[0].weights))

    @property
    def n_rows(self) -> int:
        """Tokens with a weight, in all texts."""
        return sum(text.n_rows for text in self.texts)

    @property
    def n_tokens(self) -> int:
        """Tokens of all texts, the prompt in each."""
        return sum(len(text.ids) for text in self.texts)

    def shared(self) -> Datum:
        """With weights whose amounts sum to 1 in each text."""
        return replace(self, texts=tuple(map(_shared, self.texts)))


def encode(texts: Texts, data: Data, needs: Needs | None = None) -> list[Datum]:
    """Tokens and loss weights of the examples in which a loss with ``needs`` finds something.

    Raises:
        ConfigError: for spans that do not make up the target, weights that are not finite and
            >= 0, or a tokenizer that cannot tell where tokens are in a text.
    """
    needs = needs or Needs()
    worse = [(e.question, e.rejected) for e in data if needs.rejected and e.rejected is not None]
    both = [*((e.question, e.target) for e in data), *worse]
    pairs = iter(texts.pairs([prompt for prompt, _ in both], [target for _, target in both]))
    chosen = [(example, *next(pairs)) for example in data]
    encoded = []
    for place, (example, prompt, target) in enumerate(chosen):
        weights = _span_weights(texts, example) if example.spans else [1.0] * len(target)
        paired = needs.rejected and example.rejected is not None
        # Both responses of a pair follow the same turns, which do not tell which one is better.
        written = texts.written(example.question) if example.turns and not paired else ()
        responses = [_text(prompt, target, weights, written)]
        if paired:
            prompt, target = next(pairs)
            responses.append(_text(prompt, target, [-1.0] * len(target)))
        datum = Datum(tuple(responses), place=place)
        datum = datum.shared() if needs.mean == "examples" else datum
        if (datum.n_targets or needs.mean == "tokens") and (needs.unpaired or len(responses) > 1):
            encoded.append(datum)
    return encoded


def train_tokens(data: Sequence[Datum], epochs: int, needs: Needs) -> int:
    """Tokens read in training: each once per epoch, and once more if the reference reads it."""
    return sum(d.n_tokens * (epochs + is_referred(d, needs)) for d in data)


def is_referred(datum: Datum, needs: Needs) -> bool:
    """Whether a loss compares what the student thinks of the example with what it thought."""
    return needs.references and (len(datum.texts) > 1 or not needs.rejected)


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


class Identified(Protocol):
    """What has an order of its own in batches."""

    @property
    def identity(self) -> str:
        """Equal for equal things."""


AnyT = TypeVar("AnyT", bound=Identified)


def batches(
    data: Sequence[AnyT], settings: FineTuningSettings, rng: np.random.Generator
) -> list[list[AnyT]]:
    """The batch of each update: every epoch in a new order of ``rng``, the last batch smaller.

    Which of two examples comes first depends on these two alone, so that data sets which share
    examples have them in the same order (``teachgym.streams``).
    """
    made, identities = [], [datum.identity for datum in data]
    for _ in range(settings.epochs):
        order = order_of(identities, draw_entropy(rng))
        for start in range(0, len(data), settings.batch_size):
            made.append([data[i] for i in order[start : start + settings.batch_size]])
    return made


def _text(
    prompt: Sequence[int],
    response: Sequence[int],
    weights: Sequence[float],
    written: Sequence[bool] = (),
) -> Text:
    """With the weights of the response; ``written`` tells the student's tokens in the prompt."""
    before = map(float, written[-len(prompt) :] or [False] * len(prompt))
    # Nothing comes before the first token that could predict it.
    ids, all_weights = (*prompt, *response), (*before, *weights[: len(response)])
    return Text(ids, (0.0, *all_weights[1:]))


def _shared(text: Text) -> Text:
    """With weights whose amounts sum to 1, if there are any."""
    total = sum(map(abs, text.weights)) or 1.0
    return replace(text, weights=tuple(weight / total for weight in text.weights))


def _span_weights(texts: Texts, example: Example) -> list[float]:
    """Each token has the weight of the span it begins in, the end token that of the last span."""
    if (fault := fault_of_weights(example)) is not None:
        raise ConfigError(fault)
    of_character = [weight for text, weight in example.spans for _ in text]
    return [*(of_character[i] for i in texts.starts(example.target)), example.spans[-1][1]]
