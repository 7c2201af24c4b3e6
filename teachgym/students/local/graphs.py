"""Steps that are captured once on a GPU and replayed with a single launch: CUDA graphs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch


class Graphs:
    """Steps by key. On a GPU each is captured the second time; elsewhere it is simply run.

    The first time it is run as it is, so that what happens once alone is never captured. A step in
    which the host waits for the device is not captured at all: after a capture that failed, torch
    2.11 draws no more numbers and frees no more memory.

    All that a step reads and writes beside its own temporaries must stay at its address, and it
    must be work on the device alone. Captured steps share one pool of memory for temporaries,
    since no two run at once and none leaves anything there.

    Args:
        device: where the steps compute; the current one when they are run.
        generators: what they draw from besides the device's own.
    """

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator] = ()) -> None:
        self.keys: set[Hashable] = set()
        """The keys of the steps that were run."""
        self._waited: dict[Hashable, bool] = {}
        """Whether the host waited for the device when a step was run last."""
        self._is_gpu = device.type == "cuda"
        self._captured: dict[Hashable, torch.cuda.CUDAGraph | None] = {}
        """None = a step that cannot be captured."""
        self._device = device
        self._pool: Any = None
        self._generators = generators

    def run(self, key: Hashable, step: Callable[[], None], state: Sequence[torch.Tensor]) -> None:
        """Run ``step``; from the third time on, replay what was captured the second time.

        Args:
            key: all that decides the step's shapes, and addresses but for those of ``state``.
            step: the work.
            state: tensors that the step changes; if one is elsewhere, it is another step.
        """
        self.keys.add(key)
        if not self._is_gpu:
            step()
            return
        known = key, tuple(tensor.data_ptr() for tensor in state)
        if known not in self._captured:
            if self._waited.get(known, True):
                self._begin(known, step)
                return
            self._captured[known] = self._capture(step)
        graph = self._captured[known]
        if graph is None:
            step()
        else:
            graph.replay()

    @property
    def _stream(self) -> Any:
        index = self._device.index
        return _side_stream(torch.cuda.current_device() if index is None else index)

    def _begin(self, known: Hashable, step: Callable[[], None]) -> None:
        """Do the step beside the main stream, where libraries initialise themselves for it.

        They may wait for the device then, so a step is given up when it waits a second time.
        """
        main = torch.cuda.current_stream()
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream), _watched() as waits:
            step()
        main.wait_stream(self._stream)
        if waits and known in self._waited:
            _give_up("the host waits for the device in it")
            self._captured[known] = None
        self._waited[known] = bool(waits)

    def _capture(self, step: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
        """The step as a graph; None, with a warning, if there is none."""
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph, stream = torch.cuda.CUDAGraph(), self._stream
        for generator in self._generators:
            graph.register_generator_state(generator)
        try:
            # The outer one is left even if the capture fails.
            with torch.cuda.stream(stream), torch.cuda.graph(graph, self._pool, stream):
                step()
        except RuntimeError as error:
            _give_up(str(error))
            return None
        return graph


def _give_up(reason: str) -> None:
    warnings.warn(
        "a step cannot be captured as a CUDA graph, so that its operations are launched one by "
        f"one: {reason}",
        stacklevel=5,
    )


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Within, note what torch says where the host waits for the device."""
    waits, before = list[str](), torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for one in told:
        text = str(one.message)
        if "synchronizing CUDA operation" in text:
            waits.append(text)
        elif "ynchronization debug mode" not in text:  # torch's own about being asked
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@cache
def _side_stream(index: int) -> Any:
    """The stream of a GPU beside its main one, one for all: libraries keep memory for each."""
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


def bucket(n: int, *, parts: int = 2, least: int = 1) -> int:
    """The next size at or above ``n`` >= 1, so that many numbers need few captured steps.

    From one power of two to the next there are ``parts`` steps of equal width, none narrower than
    ``least``; so a size is at most ``1 + 1 / parts`` times ``n``, or less than ``least`` above it.

    Example:
        >>> [bucket(n) for n in (1, 3, 5, 7, 9, 100)]
        [1, 3, 6, 8, 12, 128]
        >>> [bucket(n, parts=4, least=32) for n in (1, 33, 257, 321)]
        [32, 64, 320, 384]
    """
    width = max(least, (1 << max(0, (n - 1).bit_length() - 1)) // parts)
    return -(-n // width) * width
