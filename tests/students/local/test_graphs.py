"""What a GPU is told to capture and to replay, and when: by a stand-in for its interface.

The capture itself is tried by ``test_on_gpu.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from teachgym.students.local import graphs as module
from teachgym.students.local.graphs import Graphs

STATE = [torch.zeros(1)]


class Stream:
    """A stream in whose place another one can be current."""

    def wait_stream(self, other: Any) -> None:
        """Wait for nothing."""


class Gpu:
    """The part of ``torch.cuda`` that graphs need; replaying a graph does its step again."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.mode = 0
        self.fails: str = ""
        self.current: Any = Stream()
        self.step: Any = None

    def wait(self) -> None:
        """Let the host wait for the device, of which torch warns if it is asked to."""
        if self.mode:
            warnings.warn("called a synchronizing CUDA operation", stacklevel=2)

    def set_sync_debug_mode(self, mode: Any) -> None:
        self.mode = {"default": 0, "warn": 1}.get(mode, mode)

    def get_sync_debug_mode(self) -> int:
        return self.mode

    def current_stream(self) -> Any:
        return self.current

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, graph: Any, pool: Any, stream: Any) -> Iterator[None]:
        """Torch's leaves its own stream the current one if the capture fails."""
        assert pool == "pool"
        assert stream is self.current
        self.log.append("capture")
        yield
        if self.fails:
            self.current = Stream()
            raise RuntimeError(self.fails)


class Graph:
    """A graph that counts its replays."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def replay(self) -> None:
        self.gpu.log.append("replay")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    made, side = Gpu(), Stream()
    for name in ("set_sync_debug_mode", "get_sync_debug_mode", "current_stream", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, getattr(made, name))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: Graph(made))
    monkeypatch.setattr(module, "_side_stream", lambda _: side)
    return made


def run(gpu: Gpu, graphs: Graphs, *, waits: bool = False, times: int = 1) -> None:
    """Run a step that leaves a word in the log, and that may wait for the device."""

    def step() -> None:
        gpu.log.append("step")
        if waits:
            gpu.wait()

    for _ in range(times):
        graphs.run("a", step, STATE)


def test_a_step_is_captured_the_second_time_and_replayed_from_then_on(gpu: Gpu) -> None:
    graphs, main = Graphs(torch.device("cuda:0")), gpu.current
    run(gpu, graphs, times=3)
    assert gpu.log == ["step", "capture", "step", "replay", "replay"]
    assert (gpu.mode, gpu.current) == (0, main)
    graphs.run("a", lambda: gpu.log.append("elsewhere"), [torch.zeros(1)])
    assert gpu.log[-1] == "elsewhere"


def test_what_waits_once_is_captured_the_third_time(gpu: Gpu) -> None:
    """Libraries may wait when they begin."""
    graphs = Graphs(torch.device("cuda:0"))
    run(gpu, graphs, waits=True)
    run(gpu, graphs, times=2)
    assert gpu.log == ["step", "step", "capture", "step", "replay"]


def test_what_always_waits_is_said_once_and_never_captured(gpu: Gpu) -> None:
    """Torch 2.11 could draw no numbers and free no memory after a capture that failed."""
    graphs = Graphs(torch.device("cuda:0"))
    run(gpu, graphs, waits=True)
    with pytest.warns(UserWarning, match="cannot be captured.*waits for the device") as told:
        run(gpu, graphs, waits=True, times=3)
    assert len(told) == 1
    assert gpu.log == ["step"] * 4
    assert gpu.mode == 0


def test_other_warnings_of_a_step_are_told(gpu: Gpu) -> None:
    graphs = Graphs(torch.device("cuda:0"))
    with pytest.warns(DeprecationWarning, match="old"):
        graphs.run("a", lambda: warnings.warn("old", DeprecationWarning, stacklevel=1), STATE)


def test_a_capture_that_fails_is_said_and_its_step_run(gpu: Gpu) -> None:
    """On the stream that was the current one before, where torch would stay on its own."""
    graphs, main = Graphs(torch.device("cuda:0")), gpu.current
    run(gpu, graphs)
    gpu.fails = "operation not permitted when stream is capturing"
    with pytest.warns(UserWarning, match="cannot be captured.*not permitted"):
        run(gpu, graphs)
    assert gpu.current is main
    run(gpu, graphs)
    assert gpu.log == ["step", "capture", "step", "step", "step"]


def test_elsewhere_steps_are_simply_run(gpu: Gpu) -> None:
    run(gpu, Graphs(torch.device("cpu")), times=3)
    assert gpu.log == ["step"] * 3
