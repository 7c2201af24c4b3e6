"""``require_member``: the one check of numeric actions, whatever space they are of.

What is legitimate: numbers in the shape of the space, as an array, a list, a tuple or a scalar,
of any real type (bool, integers, floats), that are in the space once they have its type. Floats
are rounded to the space's float type first, so a 64-bit 1.00000000000001 counts as 1; whole
numbers must be whole (1.0 is 1, and 0.5 is an error). What ``space.contains`` accepts is accepted
as it is, except that a fraction in a space of whole numbers is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ActionError
from teachgym.shown import shown

_NUMERIC = "biuf"
"""Kinds of NumPy types: bool, signed and unsigned integers, floats."""


def require_member(space: gym.Space[Any], action: Any, field: str = "action") -> Any:
    """The action with the types of ``space``: arrays of its shape, or a dictionary of them.

    Args:
        space: a ``Box``, ``Discrete``, ``MultiDiscrete`` or ``MultiBinary``, or a ``Dict`` of such.
        action: what an agent hands in, whatever it is.
        field: its name in messages.

    Raises:
        ActionError: for an action that is not in the space; the message names the field, the
            value and the space.

    Example:
        >>> require_member(gym.spaces.Box(0, 1, (2,)), [0.5, 1])
        array([0.5, 1. ], dtype=float32)
        >>> require_member(gym.spaces.Box(0, 1, (2,)), [0.5, float("nan")])
        Traceback (most recent call last):
        ...
        teachgym.errors.ActionError: action[1] is nan; it must be in Box(0.0, 1.0, (2,), float32)
    """
    if isinstance(space, gym.spaces.Dict):
        return _require_entries(space, action, field)
    array = _as_array(space, action, field)
    cast = _as_type(array, space.dtype)
    inside = _inside(space, cast)
    if not np.issubdtype(cast.dtype, np.floating):
        inside &= cast == array  # Nothing may be lost: neither a fraction nor a high digit.
    if not inside.all():
        place = tuple(int(i) for i in np.argwhere(~inside)[0])
        where = f"{field}{list(place)}" if place else field
        raise ActionError(f"{where} is {array[place]}; it must be in {space}")
    return cast if cast.shape else cast[()]


def is_numeric(space: gym.Space[Any]) -> bool:
    """Whether it is a space whose actions ``require_member`` can check."""
    if isinstance(space, gym.spaces.Dict):
        return all(map(is_numeric, space.spaces.values()))
    kinds = (gym.spaces.Box, gym.spaces.Discrete, gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)
    return isinstance(space, kinds)


def _require_entries(space: gym.spaces.Dict, action: Any, field: str) -> dict[str, Any]:
    """Every entry of a dictionary, no other, each in the space of its own."""
    if not isinstance(action, Mapping):
        raise ActionError(
            f"{field} is {shown(action)}; it must be a dictionary with the keys "
            f"{', '.join(space.spaces)} ({space})"
        )
    for name in space.spaces:
        if name not in action:
            raise ActionError(f"{field} has no {name!r}; it must be in {space}")
    for name in action:
        if name not in space.spaces:
            raise ActionError(f"{field} has {shown(name)}, which is not a key of {space}")
    return {
        name: require_member(part, action[name], f"{field}[{name!r}]")
        for name, part in space.spaces.items()
    }


def _as_array(space: gym.Space[Any], action: Any, field: str) -> NDArray[Any]:
    """The action as an array of real numbers in the shape of the space."""
    try:
        array = np.asarray(action)
    except Exception as error:  # A ragged list, or an object whose conversion fails.
        raise ActionError(
            f"{field} is {shown(action)}, which is not an array; it must be in {space}"
        ) from error
    if array.dtype.kind not in _NUMERIC:
        raise ActionError(
            f"{field} is {shown(action)}, of type {array.dtype}; it must be numbers in {space}"
        )
    if array.shape != space.shape:
        raise ActionError(
            f"{field} has shape {array.shape}; it must have shape {space.shape} and be in {space}"
        )
    return array


def _as_type(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):  # What does not fit is refused below.
        return np.array(array, dtype=dtype)


def _inside(space: gym.Space[Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask of the numbers within the range of their entry; shape of the space."""
    low: Any
    high: Any
    match space:
        case gym.spaces.Box():
            low, high = space.low, space.high
        case gym.spaces.MultiBinary():
            low, high = 0, 1
        case gym.spaces.MultiDiscrete():
            low, high = space.start, space.start + space.nvec - 1
        case gym.spaces.Discrete():
            low, high = space.start, space.start + space.n - 1
        case _:
            raise ActionError(
                f"{space} is not a space of numbers; its actions are not checked here"
            )
    inside: NDArray[np.bool_] = np.isfinite(values) & (low <= values) & (values <= high)
    return inside
