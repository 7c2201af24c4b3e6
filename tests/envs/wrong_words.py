"""Strategies of words that cannot be used, and of actions in words that hold some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from teachgym.types import Example, Exploit, Explore, Order, Plan, Provenance
from tests.envs.forms import JUNK

nan, inf = float("nan"), float("inf")
NO_TEXT: tuple[Any, ...] = (None, 3, b"x", ["x"], nan, object(), "half \ud800")
NO_COUNT: tuple[Any, ...] = (-1, nan, inf, 10**30, 10**400, "x", None, True, [1], 1e300, -0.5)
NO_SHARE: tuple[Any, ...] = (*("x", nan, inf, -0.5, 1.5, True, [0.5], 10**400, b"1", 1j),)

WRONG_FIELDS: dict[str, tuple[Any, ...]] = {
    "prompt": (*NO_TEXT, "", " \n", "a\x00b", "x" * 9000),
    "target": (*NO_TEXT, "", "\x1b[0m", "x" * 9000),
    "skill": (*NO_TEXT, "", "no such skill", "copying", {}),
    "id": NO_TEXT,
    "source": (*NO_TEXT, "", "me"),
    "difficulty": NO_SHARE,
    "rejected": (*NO_TEXT[1:], "", "\x07"),
    "images": (*NO_TEXT, ("x",), ("a" * 63,)),
    "spans": (
        *(5, None, "ab", [("a", 1.0)], ((),), (("a",),), ((1, 1.0),), (("a", 1.0),)),
        *(((None, 1.0),), {"a": 1.0}, (["a", 1.0],), (("a", 1.0, 2.0),)),
    ),
    "soft_labels": (
        5,
        None,
        "ab",
        (("a",),),
        (("a", nan),),
        (("a", -1.0),),
        ((None, 1.0),),
        (("a", 0.5),),
    ),
    "provenance": (
        *(5, "me", (), Provenance(seeds=["a"]), Provenance(seeds=(1,)), Provenance(teacher=3)),  # type: ignore[arg-type]
        *(Provenance(step=-1), Provenance(cost=5), Provenance(hint=None)),  # type: ignore[arg-type]
    ),
}
"""Field of an example to values that keep it out."""

WEIGHTS = (-1, nan, inf, -inf, 0, 0.0, None, "1", True, 1j, [1], 10**400)


def wrong_examples(right: Example, held_out: Example) -> st.SearchStrategy[Any]:
    """A right example with one thing wrong."""
    fields = st.sampled_from(
        [(field, value) for field, values in WRONG_FIELDS.items() for value in values]
    )
    weights = st.sampled_from(WEIGHTS).map(lambda w: ((right.target, w),))
    return st.one_of(
        fields.map(lambda pair: forced(right, **dict([pair]))),
        weights.map(lambda spans: forced(right, spans=spans)),
        st.sampled_from([held_out, replace(right, id=held_out.id)]),
        st.sampled_from(JUNK),
    )


def wrong_orders(skill: str) -> st.SearchStrategy[Any]:
    """An order that nobody can fill."""
    right = Order(skill, 3, 0.5)
    changes = {
        "skill": (*NO_TEXT, "", "no such skill"),
        "count": (*NO_COUNT, 2.5),
        "difficulty": NO_SHARE,
        "hint": NO_TEXT,
        "engine": NO_TEXT,
        "subskill": NO_TEXT,
        "seeds": (None, 5, "ab", ["a"], (1,), (None,), ("\ud800",)),
    }
    pairs = [(field, value) for field, values in changes.items() for value in values]
    return st.one_of(
        st.sampled_from(pairs).map(lambda pair: forced(right, **dict([pair]))),
        st.sampled_from(JUNK),
    )


def wrong_moves(root: str) -> st.SearchStrategy[Any]:
    """A move that cannot be made on a forest of bare roots."""
    explore: Any = {
        "skill": (*NO_TEXT, "", "no such skill", {}),
        "subskills": (*NO_COUNT, 0, 1.5),
        "examples": NO_COUNT,
        "reason": NO_TEXT,
    }
    exploit: Any = {
        "skill": (*NO_TEXT, "no such root", {}),
        "allocation": (None, 5, "ab", [("a", 1)], {"never found": 1}, {None: 1}, {root: nan}),
        "reason": NO_TEXT,
    }
    items = [
        forced(right, **{field: value})
        for right, changes in ((Explore(root, 1, 2), explore), (Exploit(root, {}), exploit))
        for field, values in changes.items()
        for value in values
    ]
    return st.one_of(st.sampled_from(items), st.sampled_from(JUNK))


def forced(word: Any, **fields: Any) -> Any:
    """A copy with other fields, whatever its constructor would say."""
    made = object.__new__(type(word))
    for name in word.__dataclass_fields__:
        object.__setattr__(made, name, fields.get(name, getattr(word, name)))
    return made


def no_action() -> st.SearchStrategy[Any]:
    """What is no action in words at all; an empty tuple is one."""
    return st.sampled_from(
        [junk for junk in JUNK if not isinstance(junk, tuple)]
        + [forced(Plan(), orders=junk) for junk in JUNK if not isinstance(junk, tuple)]
    )
