"""Sizes of student models, and the arithmetic and memory traffic that no code can avoid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a Llama-architecture model; weights are random, nothing is downloaded.

    Embeddings and output head are separate even where the model of that name ties them (the
    forced answer lengths of ``models.py`` need it): equal arithmetic and traffic, more memory.
    """

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int

    @property
    def key_width(self) -> int:
        """Key entries of a token in one layer."""
        return self.hidden // self.heads * self.kv_heads

    @property
    def _linear(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the linear layers of one block."""
        d, kv, m = self.hidden, self.key_width, self.intermediate
        return ((d, d), (d, kv), (d, kv), (d, d), (d, m), (d, m), (m, d))

    @property
    def n_blocks(self) -> int:
        """Weights of all linear layers but the head."""
        return self.layers * sum(i * o for i, o in self._linear)

    @property
    def n_head(self) -> int:
        """Weights of the output head."""
        return self.hidden * self.vocabulary

    def n_adapter(self, rank: int) -> int:
        """Weights of one LoRA adapter on all linear layers but the head."""
        return self.layers * sum(rank * (i + o) for i, o in self._linear)

    def kv_bytes(self, itemsize: int) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.layers * self.key_width * itemsize

    def training_flops(self, lengths: Iterable[int], n_targets: int, rank: int) -> float:
        """Of fine-tuning an adapter once on texts of these ``lengths``.

        Forward and backward to the activations, 4 FLOPs a frozen weight and token; 6 for the
        adapter's weights; the head at the ``n_targets`` tokens with a loss alone; causal
        attention, 2 L^2 a layer and unit of width forward, twice that backward.
        """
        lengths = list(lengths)
        per_token = 4 * self.n_blocks + 6 * self.n_adapter(rank)
        attention = 6 * self.layers * self.hidden * sum(n * n for n in lengths)
        return float(per_token * sum(lengths) + attention + 4 * self.n_head * n_targets)

    def reading_flops(self, lengths: Iterable[int]) -> float:
        """Of reading prompts, the head at the last token of each alone."""
        lengths = list(lengths)
        attention = 2 * self.layers * self.hidden * sum(n * n for n in lengths)
        return float(2 * self.n_blocks * sum(lengths) + attention + 2 * self.n_head * len(lengths))

    def writing_seconds(
        self,
        prompts: Sequence[int],
        answers: Sequence[int],
        *,
        flops: float,
        bandwidth: float,
        itemsize: int,
    ) -> float:
        """Least time for all answers at once: a step takes its arithmetic or its traffic.

        Traffic is all weights once a step plus the keys and values of the answers in progress.

        Args:
            prompts: tokens of each prompt.
            answers: tokens of each answer; the first comes with reading the prompt.
            flops: FLOP/s of the device.
            bandwidth: bytes/s of the device.
            itemsize: bytes of a number.
        """
        weights = self.n_blocks + self.n_head
        seconds = 0.0
        for step in range(1, max(answers, default=0)):
            rows = [p for p, a in zip(prompts, answers, strict=True) if a > step]
            cached = sum(rows) + step * len(rows)
            traffic = weights * itemsize + cached * self.kv_bytes(itemsize)
            attention = 4 * self.layers * self.hidden * cached
            seconds += max((2 * weights * len(rows) + attention) / flops, traffic / bandwidth)
        return seconds


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("micro", 32, 64, 2, 2, 1, 256),
        Shape("2M", 128, 384, 4, 4, 4, 4096),
        Shape("17M", 384, 1024, 6, 6, 6, 8192),
        Shape("30M", 512, 1344, 8, 8, 4, 7168),
        Shape("135M", 576, 1536, 30, 9, 3, 49152),  # SmolLM2-135M
        Shape("0.5B", 896, 4864, 24, 14, 2, 151936),  # Qwen2.5-0.5B
        Shape("1.7B", 2048, 8192, 24, 32, 32, 49152),  # SmolLM2-1.7B
        Shape("3B", 2048, 11008, 36, 16, 2, 151936),  # Qwen2.5-3B
    )
}
"""By name; ``micro`` is for tests. Those after a model of the hub have its dimensions."""
