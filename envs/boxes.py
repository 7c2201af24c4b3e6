"""The two kinds of numbers in every observation and action: shares and counts."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

MOST = 1e9
"""An upper bound of every count; boxes without one do not sample well."""


def unit_box(*shape: int) -> gym.spaces.Box:
    """Numbers in [0, 1], float32."""
    return gym.spaces.Box(0, 1, shape, dtype=np.float32)


def count_box(*shape: int) -> gym.spaces.Box:
    """Numbers of things, in [0, MOST], float32."""
    return gym.spaces.Box(0, MOST, shape, dtype=np.float32)
