"""Layers compiled one by one, all by the same code: regional compilation.

What is compiled is kept on disk, but a process still has to trace, load and tune it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from teachgym.cache import cache_folder
from teachgym.errors import ConfigError
from teachgym.students.local.pool import StudentPool
from teachgym.training.captured import captures
from teachgym.training.settings import FineTuningSettings

_BACKEND = "inductor"


def compiles(pool: StudentPool, settings: FineTuningSettings) -> bool:
    """Whether layers are to be compiled.

    Raises:
        ConfigError: if it is asked for and the students' layers cannot be compiled.
    """
    if settings.compiled and (reason := _why_not(pool, settings)):
        raise ConfigError(f"trainer_settings.compiled is True, but {reason}")
    return settings.compiled


def _why_not(pool: StudentPool, settings: FineTuningSettings) -> str:
    """The reason why the layers cannot be compiled, "" if they can."""
    if pool.lora is not None and pool.lora.dropout:
        return (
            "each student draws its dropout from a generator of its own, which compiled code "
            "cannot do; set student_settings.dropout=0"
        )
    if pool.lora is None and pool.count > 1:
        return "several whole models are stacked; leave it out, or use adapters"
    if pool.count > 1 and not captures(pool, settings):
        return (
            "several students have other numbers of tokens in every pass unless passes are padded; "
            "set trainer_settings.captured=True"
        )
    return "" if layers_of(pool.network.model) else "the model has no list of equal layers"


def layers_of(model: Any) -> list[nn.Module]:
    """The longest list of modules of one class, [] if there is none."""
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList)]
    alike = [list(m) for m in lists if len(set(map(type, m))) == 1]
    return max(alike, key=len, default=[])


@contextmanager
def compiled_layers(model: Any) -> Iterator[None]:
    """Within, the layers of ``model`` run compiled code, which is made when it is first needed.

    It is kept in ``$TORCHINDUCTOR_CACHE_DIR``, by default in this project's cache.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder("compiled")))
    layers = layers_of(model)
    kind: Any = type(layers[0])
    forward = _compiled(kind, _BACKEND)
    for layer in layers:
        layer.forward = partial(forward, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


@cache
def _compiled(kind: Any, backend: str) -> Any:
    return torch.compile(kind.forward, backend=backend)
