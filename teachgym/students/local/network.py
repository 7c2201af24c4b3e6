"""A causal language model taken apart: rows of tokens -> hidden states -> logits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from teachgym.errors import LocalBackendError
from teachgym.students.local.attention import NAME, AttentionPlan, Branched, Packed
from teachgym.students.local.kernels import HALVES, Replacement, replaced, replacements

T = TypeVar("T")


class Network:
    """A Hugging Face causal language model whose attention follows a plan while it is asked here.

    Args:
        model: from transformers.
        kernels: what takes the place of its own code; None = all that compute the same, on GPUs.

    Raises:
        LocalBackendError: for a model whose attention cannot be replaced.
    """

    def __init__(self, model: Any, kernels: Sequence[Replacement] | None = None) -> None:
        self.model: Any = model
        self._attention = model.config._attn_implementation
        try:
            model.set_attn_implementation(NAME)
        except ValueError as error:
            raise LocalBackendError(
                f"the attention of {type(model).__name__} cannot be replaced"
            ) from error
        finally:
            model.set_attn_implementation(self._attention)
        if kernels is None:
            is_fast = model.device.type == "cuda" and model.dtype in HALVES
            kernels = replacements(model) if is_fast else ()
        self.kernels = kernels
        """The kernels that take the place of the model's own code in each pass."""

    def __getstate__(self) -> dict[str, Any]:
        """The state without kernels: the process that reads it may have no GPU."""
        return {**self.__dict__, "kernels": ()}

    @property
    def device(self) -> torch.device:
        """The device that holds the weights."""
        device: torch.device = self.model.device
        return device

    @property
    def n_tokens(self) -> int:
        """The size of the vocabulary, V."""
        n_tokens: int = self.model.config.get_text_config().vocab_size
        return n_tokens

    @property
    def scores_plainly(self) -> bool:
        """Whether no layer caps scores of its attention or gives them sinks; see ``Scoring``."""
        return all(
            getattr(layer, "attn_logit_softcapping", None) is None
            and getattr(layer, "sinks", None) is None
            for layer in self.model.modules()
        )

    def hidden(
        self, ids: torch.Tensor, positions: torch.Tensor, plan: AttentionPlan
    ) -> torch.Tensor:
        """The last hidden states of (B, T) token ids at their positions, (B, T, d)."""
        with self._own_attention(), replaced(self.kernels):
            output: Any = self.model.base_model(
                input_ids=ids, position_ids=positions, use_cache=False, plan=plan
            )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """The logits of hidden states, (..., d) -> (..., V)."""
        return self.bounded(self.model.get_output_embeddings()(hidden))

    def bounded(self, logits: torch.Tensor) -> torch.Tensor:
        """The outputs of the head, scaled (Cohere, Granite) or capped softly as by the model."""
        config = self.model.config.get_text_config()
        if factor := getattr(config, "logit_scale", None):
            logits = logits * factor
        if divisor := getattr(config, "logits_scaling", None):
            logits = logits / divisor
        if cap := getattr(config, "final_logit_softcapping", None):
            logits = cap * torch.tanh(logits / cap)
        return logits

    def packed_hidden(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The hidden states of texts, one after another, shape (T, d)."""
        ids, positions, packed = pack(texts, self.device)
        return self.hidden(ids, positions, packed)[0]

    @contextmanager
    def _own_attention(self) -> Iterator[None]:
        """Use this attention for one pass: to everyone else the model is an ordinary one."""
        config = self.model.config.get_text_config()
        config._attn_implementation = NAME
        try:
            yield
        finally:
            config._attn_implementation = self._attention

    @contextmanager
    def training(self) -> Iterator[None]:
        """Turn dropout on within; afterwards it is off again and gradients are gone."""
        self.model.train()
        try:
            yield
        finally:
            self.model.eval()
            self.model.zero_grad()


def pack(
    texts: Sequence[Sequence[int]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, Packed]:
    """Token ids and positions, (1, T) each, and the attention plan of packed texts."""
    lengths = tuple(map(len, texts))
    ids = torch.tensor([token for text in texts for token in text], device=device)
    return ids[None], positions_of(lengths).to(device)[None], Packed(lengths, device)


def pack_branched(
    texts: Sequence[Sequence[int]], parents: Sequence[int | None], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, Branched]:
    """Pack texts like ``pack``, of which some continue an earlier one, their ``parents``."""
    ids, positions, packed = pack(texts, device)
    before = [0 if parent is None else packed.lengths[parent] for parent in parents]
    counts = torch.tensor(packed.lengths)
    positions = positions + torch.tensor(before).repeat_interleave(counts).to(device)
    return ids, positions, Branched(packed.lengths, tuple(parents), positions[0])


def positions_of(lengths: Sequence[int]) -> torch.Tensor:
    """The position of each token in its text, shape (T,), of texts one after another.

    Example:
        >>> positions_of([2, 0, 3]).tolist()
        [0, 1, 0, 1, 2]
    """
    counts = torch.tensor(lengths, dtype=torch.long)
    starts = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum())) - starts.repeat_interleave(counts)


def split_by_tokens(items: Iterable[T], size: Callable[[T], int], budget: int) -> Iterator[list[T]]:
    """Runs of ``items`` with at most ``budget`` tokens together; an item with more stands alone."""
    run: list[T] = []
    n_tokens = 0
    for item in items:
        if run and n_tokens + size(item) > budget:
            yield run
            run, n_tokens = [], 0
        run.append(item)
        n_tokens += size(item)
    if run:
        yield run


def context_of(model: Any) -> int:
    """The most tokens a model can attend to, whatever part of them a sliding window shows."""
    config = model.config.get_text_config()
    limits = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions")]
    return min((limit for limit in limits if limit and limit > 0), default=2048)


def cache_bytes(model: Any) -> int:
    """The bytes of the keys and values of one position."""
    config = model.config.get_text_config()
    n_heads = config.num_attention_heads
    n_key_heads = getattr(config, "num_key_value_heads", None) or n_heads
    try:
        d_head = getattr(config, "head_dim", None)
    except Exception:  # transformers' own, for models whose layers differ: Gemma 4
        d_head = getattr(config, "global_head_dim", None)
    d_head = d_head or config.hidden_size // n_heads
    return int(2 * config.num_hidden_layers * n_key_heads * d_head * model.dtype.itemsize)


def copy_sharing(model: nn.Module) -> nn.Module:
    """A copy of the module tree whose tensors are those of ``model``."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
