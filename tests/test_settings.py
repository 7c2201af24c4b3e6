"""Types of settings, as the command line may get them wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from teachgym.errors import ConfigError
from teachgym.registry import Registry, recorded
from teachgym.settings import check_settings, checked


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


def mine(
    env: "what a type checker alone knows",  # type: ignore[valid-type]  # noqa: F722
    *,
    sizes: tuple[int, ...] = (),
    pair: tuple[int, float] | None = None,
    shares: dict[str, float] | None = None,
    rows: Sequence[tuple[str, str]] = (),
    things: list = [],  # type: ignore[type-arg]  # noqa: B006
) -> str:
    """A part of somebody's own, with the usual annotations."""
    return f"{sizes}"


class Maker:
    """What can be called as a function is."""

    def __call__(self, env: Any, *, sizes: tuple[int, ...] = ()) -> str:
        return f"{sizes}"


MAKERS: list[Any] = [mine, partial(mine, env=None), Maker()]


@pytest.mark.parametrize("maker", MAKERS)
def test_what_json_has_as_a_list_is_taken_for_a_tuple(maker: Any) -> None:
    """A file or a command line has no other word for it."""
    for sizes in ([1, 2], (1, 2), []):
        check_settings("mine", {"sizes": sizes}, maker, but=["env"])
    with pytest.raises(ConfigError, match=r"sizes\[1\] is 'x'; it must be an integer"):
        check_settings("mine", {"sizes": [1, "x"]}, maker, but=["env"])


class Mood(Enum):
    KIND = "kind"
    STRICT = "strict"


@dataclass(frozen=True)
class Inner:
    share: float = 0.5
    sizes: tuple[int, ...] = ()


def annotated(
    *,
    mood: Mood = Mood.KIND,
    inner: Inner | None = None,
    file: Path | None = None,
    rows: dict[str, tuple[int, ...]] | None = None,
    sizes: tuple[int, ...] = (),
    power: float = 1.0,
    thing: Any = None,
) -> dict[str, Any]:
    """What somebody's own part is given."""
    found = {"mood": mood, "inner": inner, "file": file, "rows": rows, "sizes": sizes}
    return {**found, "power": power, "thing": thing}


DECLARED: list[tuple[str, Any, Any]] = [
    ("mood", "strict", Mood.STRICT),
    ("inner", {"share": 1, "sizes": [1]}, Inner(1.0, (1,))),
    ("file", "a/b.txt", Path("a/b.txt")),
    ("rows", {"a": [1, 2], "b": []}, {"a": (1, 2), "b": ()}),
    ("sizes", [1, 2], (1, 2)),
]


@pytest.mark.parametrize(("name", "told", "declared"), DECLARED)
def test_a_part_gets_what_its_annotations_say_of_what_json_has(
    name: str, told: Any, declared: Any
) -> None:
    """A run is resumed by what its record holds, so that this must do as well as an object."""
    for given in (told, declared, json.loads(json.dumps(told))):
        settings = {name: given, "thing": object(), "power": 2}
        made = Registry("part", {}).make(annotated, settings=settings)
        assert made[name] == declared
        assert type(made[name]) is type(declared)
        assert made["thing"] is settings["thing"]
        assert type(made["power"]) is int  # What is as declared stays as it is.
    if name != "inner":
        assert recorded({name: declared}) in ({name: told}, {name: declared})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mood", "strictly", "mood is 'strictly'; it must be one of kind, strict"),
        ("inner", {"share": "x"}, "inner.share is 'x'; it must be a number"),
        ("inner", {"shares": 1}, "unknown setting 'shares' of inner. Did you mean 'share'?"),
        ("inner", {"sizes": [1, "x"]}, "inner.sizes[1] is 'x'; it must be an integer"),
        ("rows", {"a": [1, "x"]}, "rows.a[1] is 'x'; it must be an integer"),
        ("file", 1, "file is 1; it must be a Path or nothing"),
        ("sizes", [object()], "sizes is [<object>]; it must be a list of integers"),
    ],
)
def test_what_json_has_is_refused_where_it_is_wrong(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry("part", {}).make(annotated, settings={name: value})
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("sizes", 1, "sizes is 1; it must be a list of integers"),
        ("pair", [1], "pair is [1]; it must be a list of 2 values or nothing"),
        ("shares", {"a": "b"}, "shares.a is 'b'; it must be a number"),
        ("shares", 1, "shares is 1; it must be a table of settings or nothing"),
        ("rows", [["a"]], "rows[0] is ['a']; it must be a list of 2 texts"),
        ("things", 1, "things is 1; it must be a list of values"),
    ],
)
def test_an_annotation_that_is_no_type_leaves_the_others_checked(
    name: str, value: Any, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_settings("mine", {name: value}, mine, but=["env"])
    assert str(caught.value) == expected
