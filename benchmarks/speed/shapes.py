"""Sizes of student models, and the arithmetic and memory traffic that they need at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a Llama-architecture model; weights are random, nothing is downloaded.

    Embeddings and output head are separate even if the model of that name ties them, because the
    forced answer lengths of ``models.py`` need it. Arithmetic and traffic are equal; memory is not.
    """

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int

    @property
    def _linear(self) -> tuple[tuple[int, int], ...]:
        """Return (inputs, outputs) of each linear layer of one block."""
        d, m = self.hidden, self.intermediate
        kv = d // self.heads * self.kv_heads
        return ((d, d), (d, kv), (d, kv), (d, d), (d, m), (d, m), (m, d))

    @property
    def n_blocks(self) -> int:
        """Number of weights in all linear layers but the head."""
        return self.layers * sum(i * o for i, o in self._linear)

    @property
    def n_head(self) -> int:
        """Number of weights in the output head."""
        return self.hidden * self.vocabulary

    def n_adapter(self, rank: int) -> int:
        """Number of weights in one LoRA adapter on all linear layers but the head."""
        return self.layers * sum(rank * (i + o) for i, o in self._linear)

    def cached_numbers(self) -> int:
        """Number of keys and values that one token has in all layers."""
        return 2 * self.layers * self.hidden // self.heads * self.kv_heads

    def training_flops(self, lengths: Sequence[int], n_targets: int, rank: int) -> float:
        """Return the FLOPs of fine-tuning an adapter once on texts of these ``lengths``.

        Counted are 4 FLOPs per token and frozen weight (forward, and backward to the activations),
        6 per token and adapter weight, the head at the ``n_targets`` tokens that have a loss, and
        causal attention: 2 L^2 per layer and unit of width forward, twice that backward.
        """
        per_token = 4 * self.n_blocks + 6 * self.n_adapter(rank)
        attention = 6 * self.layers * self.hidden * sum(n * n for n in lengths)
        return float(per_token * sum(lengths) + attention + 4 * self.n_head * n_targets)

    def reading_flops(self, lengths: Sequence[int]) -> float:
        """Return the FLOPs of reading prompts, with the head at the last token of each only."""
        attention = 2 * self.layers * self.hidden * sum(n * n for n in lengths)
        return float(2 * self.n_blocks * sum(lengths) + attention + 2 * self.n_head * len(lengths))


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("micro", 32, 64, 2, 2, 1, 256),
        Shape("2M", 128, 384, 4, 4, 4, 4096),
        Shape("17M", 384, 1024, 6, 6, 6, 8192),
        Shape("135M", 576, 1536, 30, 9, 3, 49152),  # SmolLM2-135M
        Shape("0.5B", 896, 4864, 24, 14, 2, 151936),  # Qwen2.5-0.5B
        Shape("1.7B", 2048, 8192, 24, 32, 32, 49152),  # SmolLM2-1.7B
        Shape("3B", 2048, 11008, 36, 16, 2, 151936),  # Qwen2.5-3B
    )
}
"""Shapes by name; ``micro`` is for tests. A shape named after a model of the hub has its
dimensions."""
