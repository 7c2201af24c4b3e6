"""Restart semantics: the training data of a step as a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from teachgym.apportion import apportion
from teachgym.streams import draw_entropy, order_of
from teachgym.types import Data, Example

TrainingMode = Literal["continue", "scratch", "batch"]
FROM_UNTRAINED: tuple[TrainingMode, ...] = ("scratch", "batch")
"""The modes in which each training run starts from the untrained weights."""


def training_set(
    mode: TrainingMode,
    new: Data,
    earlier: Sequence[Example],
    replay: float,
    rng: np.random.Generator,
) -> Data:
    """The examples for one training run.

    ``scratch``: everything so far, for a student that starts from the untrained weights.
    ``batch``: the new examples alone, for such a student.
    ``continue``: the new examples plus, drawn without replacement from the earlier ones, as many
    as make up a share ``replay`` of the whole: ``len(new) * replay / (1 - replay)``, rounded
    without bias, or all of the earlier ones if there are fewer. Without new examples there is
    nothing to train on.
    """
    if not new:
        return ()
    if mode == "scratch":
        return (*earlier, *new)
    if mode == "batch":
        return new
    (count,) = apportion([len(new) * replay / (1 - replay)], len(earlier), rng)
    if not count:
        return new
    # What two runs have in common is drawn in both.
    chosen = order_of([e.identity for e in earlier], draw_entropy(rng))[:count]
    return new + tuple(earlier[i] for i in chosen)
