"""Operations for which a GPU's host would wait, so that no step with them can be captured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from teachgym.students.local.graphs import Graphs

_READING = ("_local_scalar_dense", "nonzero", "unique", "lift_fresh", "masked_select", "equal.")
"""They read numbers or shapes from data, or bring new numbers to a device."""


def waits(func: Any, args: Any) -> bool:
    """Whether an operation reads data on the host; a mask as an index hides a ``nonzero``."""
    name = str(func)
    if name.startswith("aten.index"):
        indices = args[1] if isinstance(args[1], list | tuple) else ()
        return any(isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in indices)
    return any(word in name for word in _READING)


class Waiting(TorchDispatchMode):
    """Notes the names of operations that would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if waits(func, args):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def forbid_waiting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Fail on steps that could not be captured; the list will have the keys of those that ran."""
    run, keys = Graphs.run, list[Any]()

    def watched(self: Graphs, key: Any, step: Callable[[], None], state: Sequence[Any]) -> None:
        with Waiting() as waiting:
            run(self, key, step, state)
        assert not waiting.found
        keys.append(key)

    monkeypatch.setattr(Graphs, "run", watched)
    return keys
