"""CUDA graphs: a decoding step is captured once and replayed with a single launch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch


class Graphs:
    """Captured steps by key; everything a step reads and writes must stay at its address."""

    def __init__(self) -> None:
        self._captured: dict[Hashable, torch.cuda.CUDAGraph] = {}

    def run(self, key: Hashable, step: Callable[[], None], state: Sequence[torch.Tensor]) -> None:
        """Replay ``step``, captured before under ``key`` or now.

        Args:
            key: what decides the shapes in the step.
            step: work on the GPU alone.
            state: tensors the step changes; running it to warm up is undone on them.
        """
        if key not in self._captured:
            self._captured[key] = self._capture(step, state)
        self._captured[key].replay()

    def _capture(
        self, step: Callable[[], None], state: Sequence[torch.Tensor]
    ) -> torch.cuda.CUDAGraph:
        before = [tensor.clone() for tensor in state]
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            step()  # libraries initialise themselves outside of the capture
        torch.cuda.current_stream().wait_stream(stream)
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph
