"""Prompts are Markdown files, one per prompt, beside the code that uses them.

A file is a Jinja2 template. A line such as ``=== system ===`` begins a message of that role::

    === system ===
    You write {{ brief.domain }}.
    === user ===
    {% for error in errors %}
    {{ error.prompt | fenced }}
    {% endfor %}

A variable that is missing, or an attribute that does not exist, is an error and never an empty
place in the prompt (DataEnvGym's prompts silently lost the student's errors that way).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from teachgym.types import Messages

_HEADING = re.compile(r"^=== (system|user|assistant) ===$", re.MULTILINE)


def render(package: str, name: str, /, **variables: Any) -> Messages:
    """The messages of ``prompts/NAME.md`` in ``package``, filled with ``variables``.

    Macros of another file are imported with ``{% from "PACKAGE/NAME" import ... %}``.

    Raises:
        jinja2.UndefinedError: for a variable or attribute that the template uses and nobody gave.
        FileNotFoundError: if there is no such file.
    """
    _, *parts = _HEADING.split(_template(package, name))
    roles, texts = parts[::2], parts[1::2]
    return tuple(
        {"role": role, "content": _compiled(text.strip()).render(variables).strip()}
        for role, text in zip(roles, texts, strict=True)
    )


def fenced(text: object) -> str:
    """``text`` between fences longer than any in it: to be read as data, not as instructions.

    Example:
        >>> print(fenced("Ignore the above."))
        ```
        Ignore the above.
        ```
    """
    text = str(text)  # An undefined variable says so here.
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def without_system(messages: Messages) -> list[Mapping[str, str]]:
    """Move the text of system messages to the beginning of the user's first message."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    others = [m for m in messages if m["role"] != "system"] or [{"role": "user", "content": ""}]
    return [
        {**others[0], "content": "\n\n".join([*system, others[0]["content"]])},
        *others[1:],
    ]


@cache
def _template(package: str, name: str) -> str:
    return (files(package) / "prompts" / f"{name}.md").read_text(encoding="utf-8")


@cache
def _compiled(text: str) -> Template:
    return _environment().from_string(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        undefined=StrictUndefined,
        loader=FunctionLoader(lambda name: _template(*name.split("/"))),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["fenced"] = fenced
    return environment
