"""Text that somebody else wrote, made harmless where it is shown: on terminals and in Markdown."""

from __future__ import annotations

import re
import unicodedata

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
