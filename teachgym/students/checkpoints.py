"""Copying weights out of a model and back into it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from teachgym.errors import ConfigError
from teachgym.types import Checkpoint


def copy_out(weights: Mapping[str, torch.Tensor]) -> Checkpoint:
    """A detached copy of named weights."""
    return Checkpoint({n: w.detach().cpu().numpy().copy() for n, w in weights.items()})


@torch.no_grad()
def copy_in(weights: Mapping[str, torch.Tensor], checkpoint: Checkpoint) -> None:
    """Copy a checkpoint into ``weights`` in place, bit for bit.

    Raises:
        ConfigError: for a checkpoint of another model, of which nothing is taken over.
    """
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    found = {name: array.shape for name, array in checkpoint.arrays.items()}
    if found != shapes:
        differing = sorted(dict(shapes.items() ^ found.items()))
        raise ConfigError(
            f"the checkpoint is of another model, these weights differ: {', '.join(differing)}"
        )
    for name, weight in weights.items():
        # A copy, because torch warns about arrays that are read-only.
        weight.copy_(torch.from_numpy(np.array(checkpoint.arrays[name])))
