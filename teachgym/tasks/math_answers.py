"""Final answers in texts: where they stand, how they are written, and plain numbers."""

from __future__ import annotations

import re
from fractions import Fraction

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_MARK = re.compile(r"####[ \t]*([^\n]*)")
_ANNOTATION = re.compile(r"<<[^<>\n]*>>")
_NUMBER = r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]+|(?<=[0-9])\.?)"
_PLAIN = re.compile(_NUMBER)
_RAISED = "[\xb2\xb3\xb9\xbc-\xbe\u2070-\u2089\u2150-\u215e\u2189]"
RAISED_AFTER_FIGURE = re.compile(f"(?<=[0-9])(?={_RAISED})")
"""The place after a figure where an exponent, an index or a fraction follows in one character."""
_LEAD = re.compile(
    r"(?:(?:so|thus|therefore|hence)?,?\s*(?:the\s+)?(?:final\s+)?answer(?:\s+is)?\s*[:=]?\s*)?"
    r"=?\s*(?:USD?|EUR|GBP|Rs\.?|[€£¥₹₩₽])?\s*",
    re.IGNORECASE,
)
_FIRST = re.compile(_NUMBER)
# Where a calculation, an exponent, a fraction, a base or a range goes on it is no number alone.
_GOES_ON = re.compile(
    rf"""\s*(?:
      [-+*/^_!:=<>\xd7\xf7\u2212\u2013]\s*[(\\]?[0-9]
    | [+*^_!\xb1\xd7\xf7]
    | [-\u2212\u2013]\s*[(\\]?(?![aAI]\b)[a-zA-Z]\b  # Less a variable.
    | {_RAISED}
    | [eE][-+]?[0-9]
    | \\(?!text|%|\s|$)
    )""",
    re.VERBOSE,
)
_FEW = "(?:an?|one|two|three|four|five|seven)"
_PARTS = "(?:hal[fv]|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
_SCALE = re.compile(
    rf"""\s*(?:
      (?:k|mn|mil|mln|bn|bln|tn|grand|lac|cr|(?-i:[MBT]))(?![\w&'\u2019-])  # No T-shirts.
    | hundred | thousand | (?:m|b|tr)illion | dozen | lakh | crore | half | {_PARTS}e?s\b
    | (?:squared|cubed|doubled|tripled|halved|plus|minus|(?:divided|multiplied)\s+by)\b
    | times\s+[b-z]\b
    | or\b | to\b | .*\bor\b
    | .*\band\s+{_FEW}[\s-]+(?:{_PARTS}|quarter)
    )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_EXPONENT = re.compile(r"(?<=[a-zA-Z])\^?\{?[0-9]\}?(?![0-9])")
_BASED = re.compile(r"\(?([0-9][0-9A-Za-z]*|[0-9A-F]+)\)?_\{?([0-9]{1,2})\}?")
_BETWEEN_BOXES = re.compile(
    r"[\s$]*(?:[,;]|[,;]?[\s$]*(?:and|or|\\text\{\s*(?:and|or)\s*\}))[\s$]*"
)
# Between groups of three digits; a comma and a space would be a list.
_GAP = re.compile(r"(?<=[0-9])(?:\\[,; ]|~|\s)+(?=[0-9]{3}(?![0-9]))")
_FULL_STOP = re.compile(r"\s*(?<!\\right)[.,;]?\s*$")
# TeX takes the next letter, digit or command as an argument without braces; math-verify does not.
_ARGUMENT = r"\s*(\\[a-zA-Z]+|[a-zA-Z0-9])"
_NUMERATOR = re.compile(rf"(\\[dt]?(?:frac|binom)){_ARGUMENT}")
_DENOMINATOR = re.compile(rf"(\\[dt]?(?:frac|binom)\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}){_ARGUMENT}")
_LONGEST_NUMBER = 60
"""Characters; what is longer is not worth a number of its own."""
_PLACES = 6
"""Decimal places to which numbers are compared, as math-verify does."""


def read_boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` of a text; None if there is none.

    Braces may be nested; escaped ones (``\{``) do not count. ``\fbox`` and ``\boxed 5`` are read
    too, because the solutions of MATH use them. A box that is never closed holds nothing. Boxes
    with nothing but a comma, "and" or "or" between them are one list.

    Example:
        >>> read_boxed(r"So $x = \boxed{\frac{1}{2}}$.")
        '\\frac{1}{2}'
    """
    found = ""
    end = 0
    for box in _BOX.finditer(text):
        if box.start() < end:
            continue  # Inside another box.
        rest = text[box.end() :]
        inside = _in_braces(rest) if rest.startswith("{") else re.split(r"[$\n]", rest)[0]
        joined = found and _BETWEEN_BOXES.fullmatch(text[end : box.start()])
        found = f"{found}, {inside}" if joined and inside != found else inside
        end = box.end() + len(inside) + 2 * rest.startswith("{")
    return tidy(found)


def _in_braces(text: str) -> str:
    """The content of the braces that ``text`` starts with; empty if they are not closed."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return text[1 : match.start()]
    return ""


def read_marked(text: str) -> str | None:
    r"""The text after the last ``####`` on its line; None if there is none.

    The format of GSM8K, whose answers are numbers: a currency, a unit and what is said after the
    number are left out, unless they make it another number or name a second one.

    Example:
        >>> read_marked("Half of 36 is 18.\n#### 18 eggs/day")
        '18'
        >>> read_marked("#### 18 or 19")
        '18 or 19'
    """
    marks = _MARK.findall(text)
    answer = tidy(marks[-1]) if marks else None
    return answer and (_number_told(answer) or answer)


def _number_told(answer: str) -> str | None:
    """The one number that an answer in words gives; None where it gives none or several."""
    lead = _LEAD.match(answer)
    number = _FIRST.match(answer, lead.end() if lead else 0)
    if number is None or not number[0]:
        return None
    rest = answer[number.end() :]
    if _GOES_ON.match(rest) or _SCALE.match(rest):
        return None
    others = [m[0] for m in _FIRST.finditer(_EXPONENT.sub("", rest)) if m[0]]
    return number[0] if all(same_number(number[0], other) for other in others) else None


def tidy(answer: str) -> str | None:
    r"""An answer without dollar signs, a full stop, and gaps between thousands.

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
    """Whether two plain numbers are equal to six decimal places; None if one is no plain number.

    Plain numbers are whole or decimal, in figures, with or without commas between thousands. Of
    numbers with bases, digits and bases must be the same; what has none is of base ten.

    Example:
        >>> same_number("1,000", "1000.0"), same_number("18", "81"), same_number("1", "x")
        (True, False, None)
    """
    if (based := _same_with_bases(one, other)) is not None:
        return based
    a, b = _plain_number(one), _plain_number(other)
    return None if a is None or b is None else same_value(a, b)


def same_value(one: Fraction, other: Fraction) -> bool:
    """Whether two numbers are equal to six decimal places."""
    return round(one, _PLACES) == round(other, _PLACES)


def _same_with_bases(one: str, other: str) -> bool | None:
    """Whether two numbers, at least one with a base, are the same; None if they are none."""
    digits = [
        _BASED.fullmatch(text.replace(" ", "").replace(r"\text", "")) for text in (one, other)
    ]
    if not any(digits) or not all(
        d or is_number(t) for d, t in zip(digits, (one, other), strict=True)
    ):
        return None
    a, b = (
        (d[1].lower(), int(d[2])) if d else (text, 10)
        for d, text in zip(digits, (one, other), strict=True)
    )
    return a == b


def is_number(answer: str) -> bool:
    """Whether an answer is a plain number; see ``same_number``."""
    return _plain_number(answer) is not None


def _plain_number(answer: str) -> Fraction | None:
    if len(answer) > _LONGEST_NUMBER or not _PLAIN.fullmatch(answer):
        return None
    return Fraction(answer.replace(",", "").removesuffix("."))
