"""The text and tokens of a chat completion's body, without assumptions about its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teachgym.shown import in_short


@dataclass(frozen=True, slots=True)
class Reply:
    """The relevant contents of a reply's body."""

    text: str
    refusal: str
    finish_reason: str

    __repr__ = in_short


def read_reply(body: Mapping[str, Any]) -> Reply:
    """The first choice of a reply; what is missing or of another type is empty."""
    choice = table(body["choices"][0])
    message = table(choice.get("message"))
    content = message.get("content")
    return Reply(
        text=_joined(content, "text"),
        refusal=_text(message.get("refusal")) or _joined(content, "refusal"),
        finish_reason=_text(choice.get("finish_reason")),
    )


def count_tokens(body: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens in and out as the server counted them; None = it did not.

    Zero is no count: some servers send the fields and never fill them.
    """
    usage = table(body.get("usage"))
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def table(value: object) -> dict[str, Any]:
    """A JSON object; empty if it is none."""
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value > 0 else None  # type: ignore[return-value,operator]


def _joined(content: object, kind: str) -> str:
    """The texts of all parts of a kind (``text`` or ``refusal``), thoughts left out."""
    if isinstance(content, str):
        return _text(content) if kind == "text" else ""
    parts = content if isinstance(content, list) else [content]
    return "".join(_of_part(part, kind) for part in parts)


def _of_part(part: object, kind: str) -> str:
    if isinstance(part, str):
        return _text(part) if kind == "text" else ""
    fields = table(part)
    if str(fields.get("type", kind)).removeprefix("output_") != kind:
        return ""
    found = fields.get(kind)
    return _text(found.get("value") if isinstance(found, dict) else found)


def _text(value: object) -> str:
    # Half a surrogate pair is legal in JSON, but no request could ever carry it on.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
