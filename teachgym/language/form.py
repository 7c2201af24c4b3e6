"""``Form``: asks for actions of one kind in words, and reads them from any reply."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from teachgym.chat.json_items import items_schema, parse_items
from teachgym.chat.prompts import render
from teachgym.shown import in_short, shown
from teachgym.types import Brief, Messages, Skill, Verdict

ActionT = TypeVar("ActionT")
ItemT = TypeVar("ItemT", bound=BaseModel)

Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=4_000)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Difficulty = Annotated[float, Field(ge=0, le=1)]

NOTHING = '{"items": []}'
"""The reply that asks for nothing."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[ActionT]):
    """The action in a reply, with verdicts on the rest."""

    action: ActionT
    """The part of it that can be carried out; empty where nothing can."""
    rejected: tuple[Verdict, ...] = ()
    """The part that cannot, with reasons: ``reply`` for unreadable text, else those of the kind."""

    __repr__ = in_short


@dataclass(frozen=True, kw_only=True)
class Form(ABC, Generic[ActionT, ItemT]):
    """One kind of action as a JSON object ``{"items": [...]}``, or as calls of tools."""

    name: ClassVar[str]
    """The name of its prompt in ``prompts/``."""

    brief: Brief
    """A description of the task."""
    skills: tuple[Skill, ...]
    """The skills that may be named."""
    levels: tuple[float, ...] = (0.0,)
    """Difficulties in [0, 1] that examples come in."""
    per_step: int
    """The most examples of one step, >= 1."""

    __repr__ = in_short

    @property
    def names(self) -> list[str]:
        """The names of the skills."""
        return [skill.name for skill in self.skills]

    @property
    @abstractmethod
    def item(self) -> type[ItemT]:
        """The type of an item; the names that exist are in its JSON schema alone."""

    @property
    @abstractmethod
    def calls(self) -> Mapping[str, type[BaseModel]]:
        """The types of the arguments of each tool."""

    @abstractmethod
    def read(self, items: Sequence[ItemT]) -> Reading[ActionT]:
        """The action that valid items ask for."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a reply."""
        return items_schema(self.item)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools in the form of OpenAI's ``tools``, one for each thing that can be done."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": inspect.getdoc(arguments) or "",
                    "parameters": items_schema(arguments)["properties"]["items"]["items"],
                },
            }
            for name, arguments in self.calls.items()
        ]

    def prompt_of(self, observation: str) -> Messages:
        """The messages to which the model replies with an action."""
        return render("teachgym.language", self.name, form=self, observation=observation)

    def parse(self, reply: str) -> Reading[ActionT]:
        """The action in any reply; an incomplete reply counts with its complete items."""
        parsed = parse_items(reply, self.item)
        faults = [p.detail for p in parsed.problems if p.event == "bad-item"]
        if parsed.malformed is not None and not faults:
            faults = [parsed.malformed]
        unread = tuple(Verdict(None, "reply", fault, shown(reply)) for fault in faults)
        reading = self.read(parsed.items)
        return Reading(reading.action, (*unread, *reading.rejected))

    def parse_calls(self, calls: Iterable[Mapping[str, Any]]) -> Reading[ActionT]:
        """The action in calls of ``tools``, in order, as chat completions list them.

        Args:
            calls: each with ``name`` and ``arguments`` (JSON, or a table), or with a ``function``
                that has them.
        """
        items, rejected = [], []
        for call in calls:
            item = self._item_of(call.get("function", call))
            if isinstance(item, str):
                rejected.append(Verdict(None, "reply", item, shown(dict(call))))
            else:
                items.append(item)
        reading = self.parse(json.dumps({"items": items}))
        return Reading(reading.action, (*rejected, *reading.rejected))

    def _item_of(self, call: Mapping[str, Any]) -> dict[str, Any] | str:
        """The item that a call stands for, or what is wrong with the call."""
        name, arguments = call.get("name"), call.get("arguments")
        if name not in self.calls:
            return f"there is no tool {shown(name)}; there are: {', '.join(self.calls)}"
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except ValueError as error:
                return f"the arguments of {name} are no JSON: {error}"
        if not isinstance(arguments, Mapping):
            return f"the arguments of {name} are {shown(arguments)}; they must be a table"
        return self.item_of_call(str(name), dict(arguments))

    def item_of_call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The item that equals a call of tool ``name``."""
        return arguments


def with_names(base: type[ItemT], field: str, names: Sequence[str]) -> type[ItemT]:
    """``base`` whose schema allows these names only in ``field``.

    Models that are bound to the schema can say nothing else; what others say is read as it is,
    so that a wrong name costs one item and is rejected by its name.
    """
    allowed = WithJsonSchema({"type": "string", "enum": list(names)})
    fields: Any = {field: (Annotated[str, allowed], ...)}
    return create_model(base.__name__, __base__=base, **fields)


def write_items(items: Iterable[Mapping[str, Any]]) -> str:
    """The reply with these items."""
    return json.dumps({"items": [dict(item) for item in items]}, ensure_ascii=False)
