"""Types of settings, as the command line may get them wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from teachgym.errors import ConfigError
from teachgym.settings import checked


@checked
@dataclass(frozen=True)
class Everything:
    whole: int = 1
    real: float = 0.5
    flag: bool | None = None
    word: Literal["a", "b"] = "a"
    names: str | Sequence[str] = "x"
    limit: int | None = None


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"whole": np.int64(3), "real": 2, "flag": True, "names": ["a", "b"], "limit": 4},
        {"real": np.float32(1), "names": ("a",), "word": "b"},
    ],
)
def test_values_of_the_right_type_pass(values: dict[str, Any]) -> None:
    Everything(**values)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("whole", "1", "an integer"),
        ("whole", 1.5, "an integer"),
        ("whole", True, "an integer"),
        ("whole", None, "an integer"),
        ("real", "x", "a number"),
        ("flag", 1, "true or false or nothing"),
        ("word", 3, "one of a, b"),
        ("names", 1, "a text or a list of texts"),
        ("limit", "many", "an integer or nothing"),
    ],
)
def test_others_are_named_with_what_they_must_be(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Everything(**{name: value})
    assert str(caught.value) == f"{name} is {value!r}; it must be {expected}"
