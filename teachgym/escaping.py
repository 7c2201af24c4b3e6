"""Text that somebody else wrote, made harmless where it is shown: terminals, Markdown, HTML.

What a student or teacher wrote reaches a page only through ``element`` (or Jinja2's own
escaping), so it can never become markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from markupsafe import Markup, escape

from teachgym.redaction import redact

_PLAIN = re.compile(r"[\w./+:@-][\w ./+:@-]*")
"""Names that mean nothing in Markdown between backquotes."""

_SPECIAL = re.compile(r"([\\`\[\]|])")


def terminal(text: str) -> str:
    r"""A text for a terminal: control characters are shown and not sent, secrets are neither.

    Line ends and tabs stay. So no text can move the cursor, change the title, turn the
    direction of writing, or hide what stands before it.

    Example:
        >>> terminal("\x1b[2Jdone\u202e")
        '\\x1b[2Jdone\\u202e'
    """
    return "".join(map(_shown, redact(text)))


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return character.encode("unicode_escape").decode("ascii")


def markdown(text: object) -> str:
    r"""A text as one line of Markdown without HTML, links, images, code and cells of its own.

    Example:
        >>> print(markdown("<b>![x](http://y)</b>\n# z"))
        &lt;b&gt;!\[x\](http://y)&lt;/b&gt; # z
    """
    line = " ".join(terminal(str(text)).split())
    line = _SPECIAL.sub(r"\\\1", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_name(text: object) -> str:
    """A name as code, or, if it has characters that names do not have, as ``markdown`` shows it."""
    return f"`{text}`" if _PLAIN.fullmatch(str(text)) else markdown(text)


def element(tag: str, /, *children: str, **attributes: str | float) -> Markup:
    """One element; children that are not markup are escaped, and so are all attributes.

    An underscore at the end of an attribute's name is dropped, others become hyphens. An empty
    text as value leaves the attribute out. Every element gets an end tag, so this is not for
    HTML's void elements.

    Example:
        >>> print(element("text", "1 < 2", class_="tick", x=3.0, text_anchor="end"))
        <text class="tick" x="3" text-anchor="end">1 &lt; 2</text>
    """
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(attribute(value))}"'
        for name, value in attributes.items()
        if value != ""
    )
    return Markup(f"<{tag}{shown}>{joined(children)}</{tag}>")


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after another; what is not markup is escaped."""
    return Markup("").join(parts)


def attribute(value: str | float) -> str:
    """A number as elements have it, to two digits; a text as it is."""
    return value if isinstance(value, str) else f"{round(value, 2):g}"


_MOST_ROWS = 30
"""Rows of a table in a notebook, at most."""
_MOST_CHARS = 200
"""Characters of a cell, at most."""


def notebook_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A title over a small table, which notebooks show instead of a ``repr``.

    Only so many rows are read as are shown; that there are more is said.

    Example:
        >>> notebook_table("Plan", ("skill",), [("<b>",)])[:51]
        '<table><caption>Plan</caption><thead><tr><th>skill<'
    """
    rows = iter(rows)
    lines = [list(map(_cell, row)) for row in islice(rows, _MOST_ROWS)]
    if next(rows, None) is not None:
        lines.append(["and more"])
    table = element(
        "table",
        element("caption", _cell(title)),
        element("thead", element("tr", *(element("th", _cell(name)) for name in header))),
        element("tbody", *(element("tr", *(element("td", c) for c in line)) for line in lines)),
    )
    return str(table)


def _cell(value: object) -> str:
    text = terminal(str(value))
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 3] + "..."
