"""The meaning of server errors: the reason in any body, and the refused feature."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from teachgym.redaction import redact

SHOWN = 300
"""Characters of a server's message that errors show."""

_REFUSED = {
    "response_format": re.compile(
        r"response_format|json_schema|json schema|structured output|guided|grammar", re.IGNORECASE
    ),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "max_tokens": re.compile(r"max_completion_tokens", re.IGNORECASE),
    "system": re.compile(
        r"system[\s'\"`_-]*(role|message|prompt|instruction)|roles? must alternate"
        r"|(unknown|unexpected|invalid|unsupported) role|only [^.]{0,40}\broles?\b"
        r"|role[\s'\":=`]*system|no system|system[\s'\"`]*(is|are) not",
        re.IGNORECASE,
    ),
}
"""The dispensable parts of a request, and the wordings of their refusals."""

_KEYS = ("error", "message", "detail", "details", "msg", "error_description", "title", "errors")
"""The keys of a reason in a JSON body, the likeliest first."""

_MARKUP = re.compile(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>")


def reason(body: str) -> str:
    """The reason why a server refuses, in one line without secrets, at most ``SHOWN`` characters.

    Reads the bodies of OpenAI (``error.message``), FastAPI (``detail``, a text or a list) and
    others; of any other body, its text without tags.

    Example:
        >>> reason('{"detail": [{"loc": ["body", "seed"], "msg": "no such field", "input": 3}]}')
        'body.seed: no such field'
        >>> reason("<html><h1>502 Bad  Gateway</h1></html>")
        '502 Bad Gateway'
    """
    try:
        found = "; ".join(dict.fromkeys(_texts(json.loads(body))))
    except (ValueError, RecursionError):
        found = ""
    text = redact(" ".join((found or _MARKUP.sub(" ", body)).split()))
    return text[:SHOWN] or "no reason given"


def _texts(value: Any) -> Iterator[str]:
    """The texts of a JSON value that say what is wrong."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        if isinstance(value.get("loc"), list):
            yield f"{'.'.join(map(str, value['loc']))}: {value.get('msg', '')}"
        else:
            yield from (text for key in _KEYS for text in _texts(value.get(key)))


def named(body: str, sent: Collection[str]) -> str | None:
    """The first of the ``sent`` features that the reason, or else the whole body, names.

    The reason goes first, because some bodies hold the request.
    """
    for text in (reason(body), body):
        for parameter, words in _REFUSED.items():
            if parameter in sent and words.search(text):
                return parameter
    return None
