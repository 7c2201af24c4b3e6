"""``in_full``: a value of any size as a text that says all of it, for comparing what has nan."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from teachgym.types import Growing


def in_full(value: Any) -> str:
    """Equal texts for equal values and no others; nan is equal to nan here."""
    name = type(value).__name__
    if is_dataclass(value) and not isinstance(value, type):
        held = (f"{f.name}={in_full(getattr(value, f.name))}" for f in fields(value))
        return f"{name}({', '.join(held)})"
    if isinstance(value, Mapping):
        return f"{name}{{{', '.join(f'{k!r}: {in_full(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple | Growing):
        return f"{name}[{', '.join(map(in_full, value))}]"
    if isinstance(value, Set):
        return f"{name}[{', '.join(sorted(map(in_full, value)))}]"
    if isinstance(value, np.ndarray):
        return f"array({value.dtype}, {value.shape}, {in_full(value.tolist())})"
    return repr(value)
