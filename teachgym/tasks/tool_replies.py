"""The replies of tools in a conversation, as a stateless function of item and turns.

``Example.meta`` says what the student has to find out: ``notes`` (what each holds, by name),
``moved`` (old names of notes to new ones), ``busy`` (the tool that fails when it is first called)
and ``calls`` (those that must be made). All of it may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from teachgym.shown import shown
from teachgym.tasks.tool_graphs import read_json, write_json
from teachgym.tasks.toolbox import ToolError, call
from teachgym.types import Example, Turn, thaw

ERROR = "error: "
"""The beginning of the reply to a call that failed."""
OPEN = "open"
"""The tool that gives what a note holds."""

_LONGEST = 100
"""Characters of a reply to a call that failed."""


def conversation(example: Example) -> Iterator[Turn]:
    """The turns in which a perfect student makes the calls of an example, before it answers."""
    said: list[str] = []
    old = {new: name for name, new in example.meta["moved"].items()}
    for needed in needed_calls(example):
        tries = [needed]
        if needed["name"] == OPEN and (name := old.get(needed["args"]["note"])) is not None:
            tries.insert(0, {"name": OPEN, "args": {"note": name}})
        if needed["name"] == example.meta["busy"]:
            tries.append(needed)
        for response in map(write_json, tries):
            answer = reply(example, said, response)
            assert answer is not None
            said.append(response)
            yield Turn(response, answer)


def reply(example: Example, earlier: Sequence[str], response: str) -> str | None:
    """The reply to a response after the ``earlier`` ones; None for an answer.

    Example:
        >>> note = Example("", "", "count", meta={"notes": {"kqz": "cat"}})
        >>> reply(note, [], '{"name":"open","args":{"note":"kqz"}}')
        '"cat"'
        >>> reply(note, [], '{"name":"open","args":{"note":"kq"}}')
        "error: there is no note 'kq'"
    """
    said = read_response(response)
    if is_answer(said):
        return None
    try:
        if "name" not in said:
            raise ToolError("that is neither a call nor an answer")
        if said["name"] == example.meta.get("busy") and not any(
            read_response(text).get("name") == said["name"] for text in earlier
        ):
            raise ToolError(f"{said['name']} is busy, call it again")
        return write_json(give(example, said))
    except ToolError as error:
        return f"{ERROR}{error}"[:_LONGEST]


def give(example: Example, said: Mapping[str, Any]) -> Any:
    """The result of a call: the output of a tool, or the text of a note.

    Raises:
        ToolError: if it fails, busy tools aside.
    """
    name, args = said["name"], said["args"]
    if name != OPEN:
        return call(name, args)
    note, notes, moved = args.get("note"), _table(example, "notes"), _table(example, "moved")
    if len(args) != 1 or not isinstance(note, str):
        raise ToolError(f"{OPEN} takes note, a text")
    if note in moved:
        raise ToolError(f"note {note} is now note {moved[note]}")
    if note not in notes:
        raise ToolError(f"there is no note {shown(note, 40)}")
    return notes[note]


def _table(example: Example, name: str) -> Mapping[str, Any]:
    found = example.meta.get(name)
    return found if isinstance(found, Mapping) else {}


def needed_calls(example: Example) -> list[dict[str, Any]]:
    """The necessary calls; none if a teacher's ``meta`` has them in another form."""
    found = thaw(example.meta.get("calls"))
    return [own for own in found if _is_call(own)] if isinstance(found, list) else []


def read_response(text: str) -> Mapping[str, Any]:
    """The call or the answer in a response; empty if there is neither."""
    try:
        said = read_json(text, "{")
    except ValueError:
        return {}
    return dict(said) if is_answer(said) or _is_call(said) else {}


def _is_call(said: Any) -> bool:
    return (
        isinstance(said, Mapping)
        and said.keys() == {"name", "args"}
        and isinstance(said["name"], str)
        and isinstance(said["args"], Mapping)
    )


def is_answer(said: Any) -> bool:
    """Whether JSON has the form ``{"answer": ANYTHING}``."""
    return isinstance(said, Mapping) and said.keys() == {"answer"}
