"""Redaction: the one place that finds secrets in texts that are about to be written down.

A secret is *known* if it is the value of an environment variable whose name says so, or was
remembered where it was read. Known ones are hidden in whatever form a server may echo them. Texts
that are not data (configurations, messages, incidents) are searched for what only looks like
one, too; data are not, since a pattern that changed an example would change what was taught.

Every writer of this package passes its text through ``hide`` or ``redact``.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from teachgym.errors import ConfigError

HIDDEN = "***"
"""The text in place of a secret."""

_SHORTEST = 6
"""Characters of a secret at least: shorter ones would be found by chance in any text."""

_PLACEHOLDERS = frozenset({"EMPTY", "ollama", "lm-studio", "not-needed", "no-key-required"})
"""Keys that servers without keys are commonly given."""

_LEFT = 12
"""Characters of a secret at most that a mask leaves on either side."""

_TELLING = re.compile(r"(key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)
"""Names of environment variables that hold secrets."""

_PARAMETER = re.compile(
    r"(^|[-_])(api[-_]?key|key|token|secret|password|passwd|pwd|sig|signature|auth|credential)s?$",
    re.IGNORECASE,
)
"""Names of parameters of addresses that hold secrets."""

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>\\`]+", re.IGNORECASE)

_LOOKS = (
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)((bearer|basic|token)\s+)?[^\s\"',;}]+"),
     rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(
        r"(?i)((?:x-)?api[-_ ]?key|access[-_]?token|client[-_]?secret|password|passwd)"
        r"([\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]{3,}"
    ), rf"\1\2{HIDDEN}"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{6,}"), f"sk-{HIDDEN}"),
    (re.compile(r"\b(hf_|gh[a-z]_|AIza|AKIA|xox[a-z]-)[A-Za-z0-9_-]{12,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w/.:@-])[^\s:/@\"'(<]+:[^\s:/@\"'<]+@(?=[\w[])"), f"{HIDDEN}@"),
)  # fmt: skip
"""Patterns that look like secrets, each with its replacement."""

_REMEMBERED: set[str] = set()
# For the whole process, like the environment: who writes a file knows nothing of who read a key.


def remember(secret: str | None) -> None:
    """Hide a secret from now on, wherever it turns up."""
    if secret and len(secret) >= _SHORTEST and secret not in _PLACEHOLDERS:
        _REMEMBERED.add(secret)


def hide(text: str) -> str:
    """``text`` without known secrets, in any form; for data.

    Forms: as it is; escaped in JSON, HTML or an address; in base64, whatever stands before and
    after it, and in hexadecimal; masked, with its first or last characters left.
    """
    known = _known()
    return _finder(known).hide(text) if known else text


def redact(text: str) -> str:
    """``text`` without known secrets and without what looks like one; for all that is not data."""
    text = _ADDRESS.sub(lambda match: strip_url(match[0]), hide(text))
    for look, instead in _LOOKS:
        text = look.sub(instead, text)
    return text


def redact_settings(value: Any) -> Any:
    """Settings as JSON values, without known secrets and with addresses as ``strip_url`` has them.

    Nothing that merely looks like a secret is changed: settings are read again.
    """
    known = _known()  # Once: looking through the environment takes longer than through a text.
    return _redact_leaves(value, _finder(known).hide if known else str)


def _redact_leaves(value: Any, hidden: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _redact_leaves(item, hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_leaves(item, hidden) for item in value]
    if not isinstance(value, str):
        return value
    return _ADDRESS.sub(lambda match: strip_url(match[0]), hidden(value))


def strip_url(url: str) -> str:
    """An address without user information and parameters that hold secrets.

    Example:
        >>> strip_url("https://me:pass@host:8000/v1?api_key=abc&api-version=2")
        'https://host:8000/v1?api-version=2'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//.*@|[?#].*", lambda match: "//" if "@" in match[0] else "", url)
    if not {"@", "="} & set(parts.netloc + parts.query + parts.fragment):
        return url
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, True) if not _is_secret(k)])
    fragment = "" if "=" in parts.fragment else parts.fragment
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, fragment))


def url_parts(url: str) -> tuple[tuple[str, str] | None, dict[str, str]]:
    """User and password of an address (None = there are none), and its parameters."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    user_info = (unquote(name), unquote(password)) if at else None
    return user_info, dict(parse_qsl(parts.query, True))


def remember_url(url: str) -> None:
    """Hide the password and the secret parameters of an address from now on."""
    user, parameters = url_parts(url)
    for name, value in parameters.items():
        remember(value if _is_secret(name) else None)
    if user:
        remember(user[1] or user[0])
        remember(":".join(user))


class RedactingFilter(logging.Filter):
    """Takes secrets out of what other libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the message; everything is let through."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True


REDACTING = RedactingFilter()
"""The one filter there is: a logger takes the same one once."""


def _is_secret(parameter: str) -> bool:
    return bool(_PARAMETER.search(parameter)) and not parameter.lower().startswith("max")


def _known() -> frozenset[str]:
    """The secrets of this moment: variables may be set at any time."""
    of_environment = {
        value.strip()
        for name, value in os.environ.items()
        if _TELLING.search(name) and len(value.strip()) >= _SHORTEST
    }
    return frozenset(of_environment | _REMEMBERED) - _PLACEHOLDERS


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the forms of some secrets."""

    marks: tuple[str, ...]
    """Each form holds one of these, in any case; most texts hold none, which is soon seen."""
    pattern: re.Pattern[str]

    def hide(self, text: str) -> str:
        """The text without any of the forms."""
        lower = text.lower()
        return self.pattern.sub(HIDDEN, text) if any(m in lower for m in self.marks) else text


@lru_cache(maxsize=8)
def _finder(secrets: frozenset[str]) -> _Finder:
    """A pattern that finds any of the secrets, longer ones first."""
    ordered = sorted(secrets, key=lambda secret: (-len(secret), secret))
    forms = [form for secret in ordered for form in _forms(secret)]
    marks = {mark.lower() for secret in ordered for mark in _marks(secret)}
    return _Finder(tuple(sorted(marks)), re.compile("|".join(forms)))


def _plain(secret: str) -> list[str]:
    """The secret as it is, and escaped in JSON, HTML and addresses; longer ones first."""
    escaped = (json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe=""))
    return sorted({secret, *escaped, quote_plus(secret)}, key=lambda form: (-len(form), form))


def _cores(secret: str) -> list[str]:
    """In base64, the characters that the secret alone decides, by what stands before it."""
    octets = secret.encode("utf-8", "surrogateescape")
    texts = (b64encode(bytes(before) + octets).decode() for before in range(3))
    return [
        text[first : (before + len(octets)) * 8 // 6]
        for before, (text, first) in enumerate(zip(texts, (0, 2, 3), strict=True))
    ]


def _hex(secret: str) -> str:
    return secret.encode("utf-8", "surrogateescape").hex()


def _marks(secret: str) -> Iterator[str]:
    """The beginnings of the forms, and the ends of masked ones."""
    for form in (*_plain(secret), _hex(secret)):
        yield form[:3]
    for core in _cores(secret):
        # Without the characters that base64 for addresses writes in another way.
        yield max(re.split(r"[+/]", core), key=len)
    yield secret[-3:]


def _forms(secret: str) -> Iterator[str]:
    """Regular expressions of the forms that a secret may have."""
    yield from map(_apart, _plain(secret))
    yield f"(?i:{_apart(_hex(secret))})"
    for core in _cores(secret):
        either = re.escape(core).replace(r"\+", "[+-]").replace("/", "[/_]")
        yield f"{either}[A-Za-z0-9+/_-]?={{0,2}}"
    yield from _masked(secret)


def _apart(form: str) -> str:
    """A form; digits are no part of a number, which has them by chance and is then no JSON."""
    return rf"(?<![\d.]){form}(?!\.?\d)" if form.isdecimal() else re.escape(form)


def _masked(secret: str) -> Iterator[str]:
    """The first or last characters, beside a mask or with words that say which they are."""
    left = range(min(len(secret) - 1, _LEFT), 2, -1)
    tail = rf"(?:{'|'.join(re.escape(secret[-n:]) for n in left)})(?![A-Za-z0-9])"
    head = ""
    for n in left:  # From the inside: three characters, and each more only after those before it.
        more = f"{re.escape(secret[n - 1])}{head}"
        head = f"(?:{more})?" if n > 3 else f"{re.escape(secret[:3])}{head}"
    stars = r"(?:[*•·#█]{2,}|[xX]{3,}|\.{3,}|…+|<[a-z]+>|\[[a-z]+\])"
    said = r"(?i:\b(?:end|start|begin)(?:s|ing|ning)?\s+(?:in|with|at)\s+)[\"'`]?"
    # What is left behind the mask may be the end of another secret that begins alike.
    yield rf"{head}{stars}[A-Za-z0-9_-]{{0,{_LEFT}}}"
    yield rf"{stars}{tail}"
    yield rf"{said}(?:{head}[A-Za-z0-9_-]*|{tail})"


def require_address(name: str, value: str) -> None:
    """Raise ``ConfigError`` for what is not the address of a server, ``http://host:port/path``.

    Only what is wrong is told, never the value: there may be a password in it.
    """
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises for one that is no number
        fault = "" if right and value.isprintable() and " " not in value else "it is none"
    except ValueError as error:
        fault = str(error)
    if fault:
        raise ConfigError(
            f"{name} is not the address of a server ({fault}); it must begin with http:// or "
            "https:// and name a host, as in http://localhost:8000/v1"
        )
