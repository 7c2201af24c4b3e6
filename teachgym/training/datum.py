"""Examples as tokens; they never leave ``teachgym.training``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
import torch

from teachgym.errors import ConfigError
from teachgym.shown import in_short
from teachgym.streams import draw_entropy, order_of
from teachgym.students.texts import Texts
from teachgym.training.losses import Needs, TopK
from teachgym.training.settings import FineTuningSettings
from teachgym.types import Data, Example
from teachgym.wellformed import fault_of_soft_labels, fault_of_weights

_log = logging.getLogger(__name__)


@dataclass(frozen=True)  # without slots, since counts are kept
class Text:
    """A prompt with a response to it, as tokens."""

    ids: tuple[int, ...]
    """Prompt, response, end of sequence."""
    weights: tuple[float, ...]
    """Weights of the loss of each of ``ids``: above 0 for what shall become likelier, below 0 for
    what shall not, by default 0 for the prompt, but for what the student wrote in earlier turns."""
    place: int | None = 0
    """Number of the example whose target it is in the data that it was encoded from; None for what
    is there to be compared with, such as a rejected response."""
    images: tuple[str, ...] = ()
    """The pictures of the prompt; see ``Prompt``."""
    start: int = 0
    """The place of the first token of the response; 0 of prompts without pictures."""

    __repr__ = in_short

    @cached_property
    def n_rows(self) -> int:
        """Tokens with a weight."""
        return sum(map(bool, self.weights))


@dataclass(frozen=True, slots=True)
class Sampled:
    """The data of a response that was sampled in training."""

    advantage: float = 0.0
    """The amount by which it is better than its group's mean."""
    pull: float = 0.0
    """Weight of its divergence from the reference, >= 0."""
    logprobs: tuple[float, ...] = ()
    """Log-probabilities of its tokens when it was sampled; empty = what they are now."""
    own: bool = True
    """Whether the student wrote it."""

    __repr__ = in_short


@dataclass(frozen=True)
class Datum:
    """An example as tokens, with all of its responses, or several that are trained on as one."""

    texts: tuple[Text, ...]
    """Targets, which are what means are over, before what they are compared with. Their tokens have
    the weight 1 unless the example's spans say otherwise, those of soft labels the probability of
    the response, those of a rejected response -1. Where a loss has a mean over examples, the
    amounts of each target and of each rejected response sum to 1."""
    references: tuple[float, ...] = ()
    """Log-probabilities under the reference of all tokens with a weight, text by text; empty
    before they are known."""
    teacher: TopK | None = field(default=None, compare=False)
    """A teacher model's likeliest tokens where each token with a weight is; None before it has
    read them, or without one."""
    pieces: tuple[tuple[int, float], ...] = ()
    """Tokens with a weight that make up each piece of text, and the piece's log-probability under a
    teacher model of other tokens, nan where that is not known; empty where nobody asked."""
    example: Example | None = field(default=None, compare=False, repr=False)
    """The example that it was encoded from, where it is one."""
    sampled: Sampled | None = None
    """The data of the only text, where the student sampled it in training."""

    __repr__ = in_short

    @property
    def identity(self) -> str:
        """Equal for data of equal texts."""
        return repr([(text.ids, text.images) if text.images else text.ids for text in self.texts])

    @cached_property
    def n_targets(self) -> float:
        """The sum of the targets' weights, over which the loss is a mean."""
        return sum(sum(map(abs, t.weights)) for t in self.texts if t.place is not None)

    @property
    def places(self) -> set[int]:
        """Numbers of the examples whose targets are in it."""
        return {text.place for text in self.texts if text.place is not None}

    @cached_property
    def n_rows(self) -> int:
        """Tokens with a weight, in all texts."""
        return sum(text.n_rows for text in self.texts)

    @cached_property
    def n_tokens(self) -> int:
        """Tokens of all texts, the prompt in each."""
        return sum(len(text.ids) for text in self.texts)

    def shared(self) -> Datum:
        """With weights whose amounts sum to 1 in each text."""
        return replace(
            self, texts=tuple(replace(t, weights=_shared(t.weights)) for t in self.texts)
        )


@dataclass(frozen=True, slots=True)
class _Response:
    """A text to be encoded, and how it is trained on."""

    example: Example
    """The example whose prompt it answers."""
    text: str
    place: int | None
    """As of ``Text``."""
    weight: float = 1.0
    """The weight of its tokens."""
    whole: bool = True
    """Whether all its tokens have the weight, or the last one before the end alone."""


def encode(texts: Texts, data: Data, needs: Needs | None = None) -> list[Datum]:
    """Tokens and loss weights of the examples in which a loss with ``needs`` finds something.

    Raises:
        ConfigError: for spans that do not make up the target, weights that are not finite, soft
            labels that are no probabilities, or a tokenizer that cannot tell where tokens are in a
            text.
    """
    needs = needs or Needs()
    planned = _planned(data, needs)
    flat = [response for own in planned for response in own]
    pairs = iter(texts.pairs([r.example.question for r in flat], [r.text for r in flat]))
    encoded = []
    for own in planned:
        encoded_texts = (_encoded(texts, r, *next(pairs), len(own) == 1, needs) for r in own)
        datum = Datum(tuple(encoded_texts), example=own[0].example)
        if (datum.n_targets or needs.mean == "tokens") and (needs.unpaired or len(own) > 1):
            encoded.append(datum)
    return _joined(encoded, data) if needs.joint else encoded


def _planned(data: Data, needs: Needs) -> list[list[_Response]]:
    """The responses of each example that a loss with ``needs`` looks at, targets first."""
    planned = []
    for place, example in enumerate(data):
        if (fault := fault_of_weights(example) or fault_of_soft_labels(example)) is not None:
            raise ConfigError(fault)
        own = [_Response(example, example.target, place)]
        others = [text for text in example.alternatives if text != example.target]
        if needs.rejected and example.rejected is not None:
            own.append(_Response(example, example.rejected, None, -1.0))
        elif needs.contrast and example.rejected is not None and others:
            own.append(_Response(example, others[0], None, 1.0, whole=False))
            own.append(_Response(example, example.rejected, None, -1.0, whole=False))
        elif example.soft_labels and not needs.groups:
            own = [_Response(example, text, place, share) for text, share in example.soft_labels]
        planned.append(own)
    return planned


def _encoded(
    texts: Texts,
    response: _Response,
    prompt: Sequence[int],
    target: Sequence[int],
    alone: bool,
    needs: Needs,
) -> Text:
    """The text of a response; several to a prompt follow the same turns, which teach nothing."""
    example, ids = response.example, (*prompt, *target)
    start = len(prompt) if example.images else 0
    if not response.whole:
        last = (*[0.0] * (len(ids) - 1), response.weight)
        return Text(ids, last, response.place, example.images, start)
    is_target = response.place is not None
    weights = [response.weight] * len(target)
    if is_target and example.spans:
        weights = _span_weights(texts, example)[: len(target)]
    before = [needs.prompt_weight if is_target else 0.0] * len(prompt)
    if alone and example.turns:
        written = texts.written(example.question)[-len(prompt) :]
        before = [1.0 if own else rest for own, rest in zip(written, before, strict=True)]
    # Nothing comes before the first token that could predict it.
    all_weights = (0.0, *[*before, *weights][1:])
    if needs.mean == "examples":
        # Soft labels are alternatives: together they count as one target does.
        all_weights = _shared(all_weights, abs(response.weight))
    return Text(ids, all_weights, response.place, example.images, start)


def _shared(weights: Sequence[float], share: float = 1.0) -> tuple[float, ...]:
    """The same weights, with amounts that sum to ``share`` if there are any."""
    total = sum(map(abs, weights)) or 1.0
    return tuple(weight * share / total for weight in weights)


def _joined(encoded: Sequence[Datum], data: Data) -> list[Datum]:
    """The same with one datum for all examples of the same ``meta["joint"]``."""
    groups: dict[object, list[Datum]] = {}
    for datum in encoded:
        place = min(datum.places)
        name = data[place].meta.get("joint")
        groups.setdefault(place if name is None else (name,), []).append(datum)
    return [Datum(tuple(text for d in own for text in d.texts)) for own in groups.values()]


def train_tokens(data: Sequence[Datum], epochs: int, needs: Needs) -> int:
    """The tokens read in training: each once per epoch, and once more for a reference."""
    return sum(d.n_tokens * (epochs + is_referred(d, needs)) for d in data)


def is_referred(datum: Datum, needs: Needs) -> bool:
    """Whether a loss compares the student's present and earlier probabilities of the example."""
    return needs.references and (len(datum.texts) > 1 or not needs.rejected)


def log_skipped(data: Sequence[Data], encoded: Sequence[Sequence[Datum]]) -> None:
    """Log the number of examples that teach nothing, if there are any."""
    n_all = sum(map(len, data))
    n_used = sum(len(datum.places) for own in encoded for datum in own)
    if n_used < n_all:
        _log.warning(
            "%d of %d examples are not trained on: they have no rejected response (set sft_weight "
            "above 0 to train on their targets), or no token of the target has a weight",
            n_all - n_used,
            n_all,
        )


def log_diverged(weights: Iterable[torch.Tensor]) -> None:
    """Log that a student's weights are not finite after training, if so."""
    finite = [weight.isfinite().all() for weight in weights]
    if finite and not torch.stack(finite).all():  # Together: a GPU is waited for once.
        _log.warning(
            "training has diverged: the student's weights are no numbers any more, so its answers "
            "mean nothing; lower trainer_settings.learning_rate"
        )


def by_datum(data: Sequence[Datum], rows: torch.Tensor) -> Iterator[tuple[Datum, torch.Tensor]]:
    """Each example with its part of ``rows``, (n_rows, ...), on the CPU."""
    return zip(data, torch.split(rows.cpu(), [datum.n_rows for datum in data]), strict=True)


class Identified(Protocol):
    """An object with an identity, by which batches are ordered."""

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


def plans_of(
    places: Sequence[int],
    data: Sequence[Sequence[AnyT]],
    settings: FineTuningSettings,
    rngs: Sequence[np.random.Generator],
    *,
    count: int,
) -> tuple[list[list[list[AnyT]]], list[int]]:
    """The ``batches`` of each of a pool's ``count`` students, and a seed of what else it draws.

    ``data`` and ``rngs`` are those of the students at ``places``. Who has no data has no batches
    and draws nothing.
    """
    plans, seeds = [list[list[AnyT]]() for _ in range(count)], [0] * count
    for place, own, rng in zip(places, data, rngs, strict=True):
        if own:
            plans[place] = batches(own, settings, rng)
            seeds[place] = int(rng.integers(2**63))
    return plans, seeds


def _span_weights(texts: Texts, example: Example) -> list[float]:
    """Each token has the weight of the span it begins in, the end token that of the last span."""
    of_character = [weight for text, weight in example.spans for _ in text]
    return [*(of_character[i] for i in texts.starts(example.target)), example.spans[-1][1]]
