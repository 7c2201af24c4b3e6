"""The schema of items is one that strict providers take, and means what the type means."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from teachgym.chat.json_items import items_schema
from teachgym.errors import ConfigError


class Choice(BaseModel):
    """A nested object."""

    title: str = Field(max_length=9)
    right: bool = False


class Other(BaseModel):
    """The other half of a union."""

    kind: Literal["other"]


class Rich(BaseModel):
    """Everything at once."""

    name: Literal["a", "b"]
    note: str | None = None
    first: Choice
    more: list[Choice] = Field(max_length=3)
    either: Choice | Other


class Endless(BaseModel):
    """Contains itself."""

    inside: list[Endless]


class Free(BaseModel):
    """Its keys have no names."""

    scores: dict[str, float]


CHOICE = {
    "description": "A nested object.",
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 9}, "right": {"type": "boolean"}},
    "required": ["title", "right"],
    "additionalProperties": False,
}


def test_definitions_stand_where_they_are_used_and_objects_are_closed() -> None:
    schema = items_schema(Rich)
    assert {**schema, "properties": {"items": "..."}} == {
        "type": "object",
        "properties": {"items": "..."},
        "required": ["items"],
        "additionalProperties": False,
    }
    rich = schema["properties"]["items"]["items"]
    assert rich["required"] == ["name", "note", "first", "more", "either"]
    assert rich["additionalProperties"] is False
    fields = rich["properties"]
    assert fields["name"] == {"type": "string", "enum": ["a", "b"]}
    assert fields["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert fields["first"] == CHOICE
    assert fields["more"] == {"type": "array", "items": CHOICE, "maxItems": 3}
    assert fields["either"]["anyOf"][0] == CHOICE


def test_no_word_is_left_that_strict_providers_refuse() -> None:
    def words(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(words, schema))
        return (
            set(schema).union(*map(words, schema.values())) if isinstance(schema, dict) else set()
        )

    assert not words(items_schema(Rich)) & {"$defs", "$ref", "oneOf", "default", "discriminator"}


@pytest.mark.parametrize(
    ("item", "reason"), [(Endless, "Endless contains itself"), (Free, "Free has a field of free")]
)
def test_types_without_a_strict_form_are_refused(item: type[BaseModel], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        items_schema(item)
