"""``fixed``: a schedule fixed before the episode, such as a hand-made curriculum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from teachgym.agents.context import Cells
from teachgym.errors import ConfigError, UnknownSkillError, require_known
from teachgym.protocols import Teacher
from teachgym.shown import shown
from teachgym.types import Obs

Mixture: TypeAlias = Mapping[str, float] | ArrayLike
"""Weights >= 0: ``{skill: weight}`` (skills left out get nothing; levels share equally), or an
array of shape (n_skills,) or (n_skills, n_levels)."""


class Fixed(Teacher[Obs, NDArray[np.float32]]):
    """Orders mixture i in step i, and the last one from then on.

    Each mixture's weights are scaled to a whole step. Plain JSON will do::

        Fixed(cells, mixtures=[{"add": 1}, {"add": 1, "sort": 3}])

    Raises:
        UnknownSkillError: for a skill the environment does not have.
        ConfigError: for no mixtures, a wrong shape, a negative weight, or weights that are all 0.
    """

    name = "fixed"

    def __init__(self, cells: Cells, *, mixtures: Sequence[Mixture]) -> None:
        if len(mixtures) == 0:
            raise ConfigError("mixtures is empty; give at least one")
        self.actions = [cells.spend(_weights(mixture, cells)) for mixture in mixtures]
        self._step = 0

    def reset(self, seed: int) -> None:
        """Return to the first mixture."""
        self._step = 0

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """The step's mixture, shape (n_skills, n_levels)."""
        action = self.actions[min(self._step, len(self.actions) - 1)]
        self._step += 1
        return action.copy()


def _weights(mixture: Mixture, cells: Cells) -> NDArray[np.float64]:
    weights = _by_name(mixture, cells) if isinstance(mixture, Mapping) else as_array(mixture)
    if weights.ndim == 1:
        weights = weights[:, np.newaxis]
    if weights.shape not in (cells.shape, (cells.shape[0], 1)):
        raise ConfigError(
            f"a mixture has shape {weights.shape}; it must be {cells.shape[:1]} or {cells.shape} "
            "(n_skills, n_levels), or a mapping of skill to weight"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ConfigError(f"mixture {mixture!r} must have weights >= 0, at least one above 0")
    return weights


def _by_name(mixture: Mapping[str, float], cells: Cells) -> NDArray[np.float64]:
    require_known("skill", mixture, cells.skills, UnknownSkillError)
    return as_array([mixture.get(skill, 0.0) for skill in cells.skills])


def as_array(values: Any) -> NDArray[np.float64]:
    """The values as numbers; raises ``ConfigError`` for anything else."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"mixture {shown(values)} is not an array of numbers") from error
