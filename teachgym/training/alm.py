"""``Alm``: follow a teacher model with another tokenizer by the likelihood of pieces of text."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from teachgym.errors import ConfigError
from teachgym.settings import NotNegative, Positive, checked
from teachgym.students.texts import Texts
from teachgym.training.datum import Datum
from teachgym.training.losses import Loss, Needs, Targets, cross_entropy, sums

_SUREST = -1e-7
"""The logarithm of the largest probability that is told apart from 1."""


@checked
@dataclass(frozen=True)
class Alm(Loss):
    """Approximate likelihood matching, for teacher models of any tokenizer.

    Minixhofer et al. 2025 (arXiv 2503.20083), section 3. The target is cut where a token ends in
    both tokenizations. A piece has the probability p under the teacher model and q under the
    student, given what is before it, each the product of its tokens'. With P = p^(1/tau) and
    Q = q^(1/tau), its loss is the KL divergence of two events::

        P log(P / Q) + (1 - P) log((1 - P) / (1 - Q))

    The end is a piece of its own. Losses of pieces add up to a mean over the student's target
    tokens, and not over pieces; the authors' terms for the ends of pieces and for hidden states
    are left out. Pieces with a masked token are passed over.
    """

    tau: Positive = 100.0
    """Softens probabilities, > 0: the larger it is, the more improbable pieces count."""
    weight: NotNegative = 1.0
    """Weight of the pieces, >= 0."""
    sft_weight: NotNegative = 0.0
    """Weight of the targets' cross entropy, >= 0."""

    needs = Needs(teacher=True, pieces=True, groups=True)
    """Pieces, whole."""

    def __call__(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The loss of each row, as ``Loss`` says; that of a piece stands at its first row."""
        assert targets.pieces is not None
        entropy = cross_entropy(logits, targets)
        lengths = targets.pieces.lengths
        # A piece without rows has the sum 0 and counts nothing, wherever it is put.
        firsts = (lengths.cumsum(0) - lengths).clamp(max=len(entropy) - 1)
        told = targets.pieces.logprobs[firsts]
        own = sums(-entropy, lengths)
        apart = _of_events(told.nan_to_num() / self.tau, own / self.tau)
        told_nothing = told.isnan() | (lengths == 0)
        losses = torch.where(told_nothing, 0.0, self.weight * apart * targets.weights[firsts])
        rows = torch.zeros_like(entropy).index_add(0, firsts, losses)
        return rows + self.sft_weight * entropy * targets.weights


def _of_events(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """The KL divergence between two events of log-probabilities p and q, elementwise."""
    p, q = p.clamp(max=_SUREST), q.clamp(max=_SUREST)
    other = -p.expm1()
    return p.exp() * (p - q) + other * (other.log() - (-q.expm1()).log())


def cut(student: Sequence[int], teacher: Sequence[int]) -> list[tuple[int, int]]:
    """The numbers of tokens of each tokenizer in the shortest common pieces of a text.

    Args:
        student: where each of its tokens ends in the text, rising.
        teacher: the same of the other tokenization, which ends at the same place.

    Example:
        >>> cut([1, 2, 3, 4], [2, 4])  # "a", "b", "c", "d" and "ab", "cd"
        [(2, 1), (2, 1)]
        >>> cut([2, 3, 5], [1, 3, 4, 5])
        [(2, 2), (1, 2)]
    """
    pieces = []
    i = j = 0
    for end in sorted({*student} & {*teacher}):
        before = i, j
        # Letters of several tokens end as often: the piece has all of them.
        i, j = bisect_right(student, end), bisect_right(teacher, end)
        pieces.append((i - before[0], j - before[1]))
    return pieces


def ends(texts: Texts, text: str) -> list[int]:
    """The end of each token in a target's text; a text that spells control tokens has one end.

    Raises:
        ConfigError: for a tokenizer that cannot tell.
    """
    if not texts.tokenizer.is_fast:
        raise ConfigError("pieces need fast tokenizers (tokenizer.json), and one of them is slow")
    whole = texts.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    (ids,) = texts.encode([text])
    if whole["input_ids"] != ids:
        return [len(text)] * len(ids)
    return [end for _, end in whole["offset_mapping"]]


def with_pieces(texts: Texts, datum: Datum, teacher: Texts, logprobs: Sequence[float]) -> Datum:
    """The example with the pieces of its target.

    Args:
        texts: the student's.
        datum: an example, whose first text is its target.
        teacher: the teacher model's.
        logprobs: of the teacher model's tokens of the target and its end.
    """
    example, text = datum.example, datum.texts[0]
    assert example is not None
    own, told = ends(texts, example.target), ends(teacher, example.target)
    start = len(text.ids) - len(own) - 1
    whole = (*texts.encode([example.target])[0], texts.end)
    if text.ids[start:] != whole or len(logprobs) != len(told) + 1:
        # Cut to fit into a context: nothing is known of what is left.
        return replace(datum, pieces=((datum.n_rows, math.nan),))
    weights = [text.weights[:start]]
    likely = [math.nan]
    i, j = start, 0
    for n_own, n_told in (*cut(own, told), (1, 1)):
        weights.append(text.weights[i : i + n_own])
        likely.append(sum(logprobs[j : j + n_told]) if min(weights[-1]) > 0 else math.nan)
        i, j = i + n_own, j + n_told
    counted = zip((sum(map(bool, w)) for w in weights), likely, strict=True)
    # Where no token has a weight, there is a piece without tokens, of which nothing is known.
    pieces = tuple((n, known) for n, known in counted if n) or ((0, math.nan),)
    return replace(datum, pieces=pieces)
