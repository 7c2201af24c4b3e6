"""Final answers in texts: where they stand, how they are written, and plain numbers among them."""

from __future__ import annotations

import re
from fractions import Fraction

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_MARK = re.compile(r"####[ \t]*([^\n]*)")
_ANNOTATION = re.compile(r"<<[^<>\n]*>>")
_NUMBER = r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:(?<=[0-9])\.?|\.[0-9]+)"
_PLAIN = re.compile(_NUMBER)
_WITH_UNIT = re.compile(rf"({_NUMBER})(?:\s*%|\s*[a-zA-Z][a-zA-Z ]*)")
# Between groups of three digits; a comma and a space would be a list.
_GAP = re.compile(r"(?<=[0-9])(?:\\[,; ]|~|\s)+(?=[0-9]{3}(?![0-9]))")
_FULL_STOP = re.compile(r"\s*(?<!\\right)\.?\s*$")
# TeX takes the next letter, digit or command as an argument without braces; math-verify does not.
_ARGUMENT = r"\s*(\\[a-zA-Z]+|[a-zA-Z0-9])"
_NUMERATOR = re.compile(rf"(\\[dt]?frac){_ARGUMENT}")
_DENOMINATOR = re.compile(rf"(\\[dt]?frac\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}){_ARGUMENT}")
_LONGEST_NUMBER = 60
"""Characters; what is longer is not worth a number of its own."""
_PLACES = 6
"""Decimal places to which numbers are compared, as math-verify does."""


def read_boxed(text: str) -> str | None:
    r"""What stands in the last ``\boxed{...}`` of a text; None if there is nothing.

    Braces may be nested; escaped ones (``\{``) do not count. ``\fbox`` and ``\boxed 5`` are read
    too, because the solutions of MATH use them. A box that is never closed holds nothing.

    Example:
        >>> read_boxed(r"So $x = \boxed{\frac{1}{2}}$.")
        '\\frac{1}{2}'
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    rest = text[boxes[-1].end() :]
    inside = _in_braces(rest) if rest.startswith("{") else re.split(r"[$\n]", rest)[0]
    return tidy(inside)


def _in_braces(text: str) -> str:
    """What stands in the braces that ``text`` starts with; empty if they are not closed."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return text[1 : match.start()]
    return ""


def read_marked(text: str) -> str | None:
    r"""What stands after the last ``####`` of a text, on its line; None if there is nothing.

    The format of GSM8K, whose answers are numbers: a unit after the number is left out.

    Example:
        >>> read_marked("Half of 36 is 18.\n#### 18 eggs")
        '18'
    """
    marks = _MARK.findall(text)
    answer = tidy(marks[-1]) if marks else None
    if answer is None:
        return None
    with_unit = _WITH_UNIT.fullmatch(answer)
    return with_unit[1] if with_unit else answer


def tidy(answer: str) -> str | None:
    r"""An answer without what says nothing: dollar signs, a full stop, gaps between thousands.

    Fractions get the braces they lack. None if nothing is left.

    Example:
        >>> tidy(r" $1\,000$. ")
        '1000'
    """
    answer = answer.replace(r"\$", "").replace("$", "").replace(r"\!", "").replace("{,}", ",")
    answer = _GAP.sub("", answer.strip().strip("*").strip())
    answer = _DENOMINATOR.sub(r"\1{\2}", _NUMERATOR.sub(r"\1{\2}", answer))
    return _FULL_STOP.sub("", answer) or None


def without_annotations(solution: str) -> str:
    """A solution of GSM8K without its calculator annotations.

    Example:
        >>> without_annotations("She sold 48/2 = <<48/2=24>>24 clips.")
        'She sold 48/2 = 24 clips.'
    """
    return _ANNOTATION.sub("", solution)


def same_number(one: str, other: str) -> bool | None:
    """Whether two plain numbers are the same to six decimal places; None if one is none.

    Plain numbers are whole or decimal, in figures, with or without commas between thousands.

    Example:
        >>> same_number("1,000", "1000.0"), same_number("18", "81"), same_number("1", "x")
        (True, False, None)
    """
    a, b = _plain_number(one), _plain_number(other)
    return None if a is None or b is None else round(a, _PLACES) == round(b, _PLACES)


def is_number(answer: str) -> bool:
    """Whether an answer is a plain number; see ``same_number``."""
    return _plain_number(answer) is not None


def _plain_number(answer: str) -> Fraction | None:
    if len(answer) > _LONGEST_NUMBER or not _PLAIN.fullmatch(answer):
        return None
    return Fraction(answer.replace(",", "").removesuffix("."))
