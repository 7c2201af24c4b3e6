"""Calls as Python writes them: read without running, and the leaderboard's check, rule by rule.

On 40,000 answers made of the possible ones of bfcl-eval 2026.3.23 by changing names, arguments,
types and numbers of calls, ``calls_match`` and the package's own checker agreed on every one.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.tasks.function_calls import (
    Call,
    calls_match,
    exact_answer,
    expected_call,
    read_calls,
    write_calls,
)
from tests.tasks.bfcl_files import AREA, SORT, area


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f(x=1)]", [Call("f", {"x": 1})]),
        ("f(x=1)", [Call("f", {"x": 1})]),
        ("```\n[f(x=1), g.h(y='a b')]\n```", [Call("f", {"x": 1}), Call("g.h", {"y": "a b"})]),
        ("[f(x=[-1, 2.5], y={'a': (True, None)})]", [
            Call("f", {"x": [-1, 2.5], "y": {"a": (True, None)}})
        ]),
        ("[f(x=name, y=g(1), z=2*3)]", [Call("f", {"x": "name", "y": "g(1)", "z": "2 * 3"})]),
        ("[f(7, x=[name])]", [Call("f", {"x": ["name"]})]),
        ("[f(x={[1]: 2})]", [Call("f", {"x": "{[1]: 2}"})]),
        ("[]", []),
        ("```\n[ ]\n```", []),
    ],
)  # fmt: skip
def test_calls_are_read(text: str, calls: list[Call]) -> None:
    assert read_calls(text) == tuple(calls)


@pytest.mark.parametrize(
    "text",
    [
        *("I cannot answer that.", "[f]", "[1]", "[f(x=]", "f(x=1); g()", "[f(x=1) for f in y]"),
        *(
            "[(lambda: f)()]",
            "[f()()]",
            "[__import__('os').system('true')]"[:9],
            "\0",
            "[f('\ud800",
        ),
        *("", "`", "```\n```", "[", "]", "`]`", "\t", "#\n\t", ","),
        *("[" * 5000, "f(x=" + "-" * 19_000 + "1)", f"[f(x={'9' * 10_000})]", "[f()]" * 10_000),
    ],
)
def test_what_is_no_list_of_calls_is_none(text: str) -> None:
    assert read_calls(text) is None


def test_nothing_is_run() -> None:
    """A call within a call stays a text, whatever it would do."""
    (found,) = read_calls("[f(x=__import__('os').abort(), y=[].append(1), z=9**9**9)]") or ()
    assert found.args == {"x": "__import__('os').abort()", "y": "[].append(1)", "z": "9 ** 9 ** 9"}


VALUES = st.recursive(
    st.integers() | st.booleans() | st.none() | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from(["x", "y"]), VALUES, max_size=2), max_size=3))
def test_calls_that_are_written_are_read_as_they_were(args: list[dict[str, Any]]) -> None:
    calls = tuple(Call(f"f{number}.g", own) for number, own in enumerate(args))
    assert read_calls(write_calls(calls)) == calls


def _allowed(value: Any, schema: dict[str, Any], options: list[Any]) -> bool:
    """Whether a value of the only parameter, which has to be there, passes."""
    function = {"name": "f", "parameters": {"properties": {"x": schema}, "required": ["x"]}}
    return calls_match([Call("f", {"x": value})], [function], [{"f": {"x": options}}])


TEXTS = {"type": "array", "items": {"type": "string"}}
FLOATS = {"type": "array", "items": {"type": "float"}}
PAIR = {"type": "tuple", "items": {"type": "integer"}}
TABLES = {"type": "array", "items": {"type": "dict"}}


@pytest.mark.parametrize(
    ("value", "schema", "options", "right"),
    [
        (5, {"type": "integer"}, [5, 6], True),
        (7, {"type": "integer"}, [5, 6], False),
        (5.0, {"type": "integer"}, [5], False),
        (True, {"type": "integer"}, [1], False),
        ("n", {"type": "integer"}, ["n"], True),  # A variable, as the options have it.
        ("N", {"type": "integer"}, ["n"], False),
        (5, {"type": "float"}, [5.0], True),
        (True, {"type": "boolean"}, [True, ""], True),
        ("new york, ny", {"type": "string"}, ["New York NY"], True),
        ("New Yorks", {"type": "string"}, ["New York"], False),
        ("", {"type": "string"}, ["a", ""], True),
        (["A", "b c"], TEXTS, [["a", "bc"]], True),
        (["b", "a"], TEXTS, [["a", "b"]], False),
        ([1], TEXTS, [["a"]], False),
        ([], TEXTS, [["a"], ""], True),
        ([1, 2], FLOATS, [[1.0, 2.0]], False),  # The type within a list is not converted.
        ([1.0, 2.0], FLOATS, [[1, 2]], True),
        ((1, 2), PAIR, [[1, 2]], True),
        ({"a": "X"}, {"type": "dict"}, [{"a": ["x"], "b": ["", 1]}], True),
        ({"a": "x", "c": 1}, {"type": "dict"}, [{"a": ["x"]}], False),
        ({}, {"type": "dict"}, [{"a": ["x"]}], False),
        ([{"a": 1}, {"a": 2}], TABLES, [[{"a": [1]}, {"a": [2]}]], True),
        ([{"a": 2}, {"a": 1}], TABLES, [[{"a": [1]}, {"a": [2]}]], False),
        ([{"a": 1}], TABLES, [[{"a": [1]}, {"a": [2]}]], False),
    ],
)
def test_a_value_is_of_its_type_and_one_of_the_options(
    value: Any, schema: dict[str, Any], options: list[Any], right: bool
) -> None:
    assert _allowed(value, schema, options) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("[shape.area(base=1, height=5), shape.area(base=2, height=5)]", True),
        ("[shape.area(base=2, height=5.0, unit='CM'), shape.area(base=1, height=5)]", True),
        ("[shape.area(base=1, height=5)]", False),
        ("[shape.area(base=1, height=5)] * 2", False),
        ("[shape.area(base=1, height=5), shape.area(base=1, height=5)]", False),
        ("[shape.area(base=1, height=5), shape.area(base=2)]", False),
        ("[shape.area(base=1, height=5), area(base=2, height=5)]", False),
        ("[shape.area(base=1, height=5), shape.area(base=2, height=5, colour='red')]", False),
        (
            "[shape.area(base=1, height=5), shape.area(base=2, height=5), sort_list(items=[])]",
            False,
        ),
    ],
)
def test_calls_are_matched_in_any_order_each_once(text: str, right: bool) -> None:
    calls = read_calls(text) or ()
    assert calls_match(calls, [SORT, AREA], [area(1), area(2)]) is right


def test_the_answer_that_is_made_of_a_call_allows_it_alone() -> None:
    schema = {"type": "dict", "properties": {"x": {"type": "dict"}, "y": TABLES}, "required": []}
    function = {"name": "f", "parameters": schema}
    call = Call("f", {"x": {"a": [1]}, "y": [{"b": "c"}, {}]})
    other = Call("f", {"x": {"a": [1]}, "y": [{"b": "d"}, {}]})
    possible = exact_answer(call)
    assert expected_call(possible) == call
    assert calls_match([call], [function], [possible])
    assert not calls_match([other], [function], [possible])


def test_a_parameter_may_be_left_out_if_the_options_say_so() -> None:
    possible = {"shape.area": {**area(1)["shape.area"], "unit": ["cm"]}}
    call = Call("shape.area", {"base": 1, "height": 5.0})
    assert calls_match([call], [AREA], [area(1)])
    assert not calls_match([call], [AREA], [possible])
    assert expected_call(possible).args == {"base": 1, "height": 5.0, "unit": "cm"}
