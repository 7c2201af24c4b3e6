"""Results of checks of models, kept on disk so that a model is checked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import transformers

import teachgym
from teachgym.cache import cache_folder, write_whole

FORMAT = 1
"""Raised whenever a check would find something else in the same model."""

_SAMPLED = 16
"""Numbers of each tensor that the digest of a model looks at: what a check finds hangs on the
code that runs, much less on the weights, and reading all of them takes seconds."""

_found: dict[str, str] = {}
"""By key: what this process has read or found already."""


def remembered(check: Callable[[], str], model: torch.nn.Module, *facts: Any) -> str:
    """The stored result of ``check``, or that of running it now.

    Args:
        check: looks at the model.
        model: of transformers, as it is now.
        facts: whatever else decides what is found; equal facts have equal ``repr``.
    """
    folder, key = cache_folder("self-checks"), _digest(model, *facts)
    if key not in _found:
        verdict = _read(folder / f"{key}.json")
        if verdict is None:
            verdict = check()
            _write(folder / f"{key}.json", verdict)
        _found[key] = verdict
    return _found[key]


def _digest(model: torch.nn.Module, *facts: Any) -> str:
    config: Any = model.config
    versions = FORMAT, teachgym.__version__, torch.__version__, transformers.__version__
    known = versions, type(model).__name__, config.to_json_string(), config._attn_implementation
    digest = hashlib.sha256(repr((*known, *facts)).encode())
    for name, parameter in model.named_parameters():
        values = parameter.detach().flatten()
        sample = values[:: max(1, len(values) // _SAMPLED)][:_SAMPLED]
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(f"{parameter.device.type} {sample.tolist()}".encode())
    return digest.hexdigest()


def _read(path: Path) -> str | None:
    """The verdicts in a file; None if it is not there, or damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.read_text(encoding="utf-8"))["verdict"])
    return None


def _write(path: Path, verdict: str) -> None:
    """Write verdicts; a disk that refuses costs time, never the student."""
    with suppress(OSError):
        write_whole(path, json.dumps({"verdict": verdict}).encode())
