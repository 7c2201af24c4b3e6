"""The forms in which texts are compared: one normal form for every check of the gate."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from teachgym.gate.confusables import LOOK_ALIKE, representatives

_GENERIC_MARKS = re.compile(
    "[\u0300-\u036f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
"""Marks that any letter can carry, fillers and variation selectors: what nobody would miss."""
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'+(?=[^\W\d_])")
_DIGIT = re.compile(r"\d")
_NUMBER_LIKE = re.compile(r"(?<![^\W_])[\dol|]*\d[\dol|]*(?![^\W_])")
_FIGURES = str.maketrans("ol|", "011")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])[01]+(?=[^\W\d_])")
_LETTERS = str.maketrans("01", "ol")
_TOKEN = re.compile(
    r"\d{1,3}(?:[,'_]\d{3})+(?!\d)(?:\.\d+)?|\d*\.\d+|\d+|[^\W\d_]+|(?![\s_])\W", re.UNICODE
)
_SEPARATOR = re.compile(r"[,'_]")
_OPERATORS = frozenset("-*/^%")
"""Signs of arithmetic that Unicode does not count among mathematical symbols."""
_CLOSED = frozenset(")]}!")
_CLOSING = frozenset(".?!=\u3002\uff1f")
"""The ends of sentences and questions."""


def normalise(text: str) -> str:
    """The form in which two texts count as the same: words, numbers and signs of arithmetic.

    What is united: compatible characters (NFKD); characters that look alike, by Unicode's table
    of confusables; digits of all scripts; capital and small letters; 007, 7 and 7.0; 1,000 and
    1000. What is left out: characters without a width, marks on letters, punctuation, and
    signs of arithmetic that no number or single letter follows. The form is no text to be shown.

    Some texts that differ in meaning are united too ("x²" and "x2"): the gate would rather turn
    away a good example than let a test item in. A text of which nothing is left is compared as
    ``visible`` gives it.

    Example:
        >>> normalise("Say  ﬁve, 007!") == normalise("say\u200b FIVE 7.0")
        True
        >>> normalise("add 12+3=") == normalise("add 1+23=")
        False
    """
    return " ".join([term.piece for term in terms(text)]) or visible(text)


def visible(text: str) -> str:
    """A text in NFKC with single spaces and no zero-width characters; keeps case and signs.

    The stricter form, for exercises about case, punctuation or spelling.

    Example:
        >>> visible("  say   ﬁ\u200bve ")
        'say five'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = _without_marks(text)
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """The words and numbers of a text, in the normal form as far as it can be read.

    Example:
        >>> words("Tom's 3 hens -- all brown.")
        ['toms', '3', 'hens', 'all', 'brown']
    """
    return [token for token in tokens(text) if token[0].isalnum()]


def keys(found: Iterable[str]) -> list[str]:
    """Words for comparison: i, l and 1 are one, and so are o and 0; numbers stay as they are.

    Example:
        >>> keys(words("Will wi1l 11"))
        ['wlll', 'wlll', '11']
    """
    return [word if is_number(word) else word.translate(LOOK_ALIKE) for word in found]


def tokens(text: str) -> list[str]:
    """Words, numbers and signs of arithmetic in lower case; numbers in their shortest form.

    Example:
        >>> tokens("Add 1,000 + 007.50!")
        ['add', '1000', '+', '7.5', '!']
    """
    text = _folded(text)
    if "'" in text:
        text = _APOSTROPHE.sub("", text)
    if _DIGIT.search(text):
        text = _NUMBER_LIKE.sub(lambda match: match[0].translate(_FIGURES), text)
        text = _BETWEEN_LETTERS.sub(lambda match: match[0].translate(_LETTERS), text)
    return [_shortest(t) if t[-1].isdigit() else t for t in _TOKEN.findall(text)]


class Term(NamedTuple):
    """A word, a number, or a sign between operands."""

    text: str
    """As it is compared: i, l and 1 are one letter, and so are o and 0; numbers stay numbers."""
    closes: bool
    """Whether a sentence or a question ends with it."""

    @property
    def piece(self) -> str:
        """Its part of the normal form, where numbers may look like letters as well."""
        return self.text.translate(LOOK_ALIKE)

    @property
    def exact(self) -> bool:
        """Whether it is a number or a sign, another of which makes another exercise."""
        return is_exact(self.text)

    @property
    def binds(self) -> bool:
        """Whether it is a sign that makes one calculation of what is before and after it."""
        return self.text == "x" or (self.text != "=" and is_operator(self.text))


def terms(text: str) -> tuple[Term, ...]:
    """A text without punctuation and without signs that have no operands, numbers or letters.

    Example:
        >>> [(term.text, term.closes) for term in terms("Oil: 5 * 10?")]
        [('oll', False), ('5', False), ('x', False), ('10', True)]
    """
    found = tokens(text)
    kept = []
    follows, closes = False, True
    for token, before in zip(reversed(found), (*reversed(found[:-1]), ""), strict=False):
        if token[0].isalnum():
            follows = _is_operand(token)
            kept.append(Term(token if is_number(token) else token.translate(LOOK_ALIKE), closes))
            closes = False
        elif follows and is_operator(token) and (token == "-" or _is_operand(before)):
            kept.append(Term("x" if token == "*" else token, False))
            closes = token == "="
        else:
            closes = closes or token in _CLOSING
    return tuple(reversed(kept))


def _is_operand(token: str) -> bool:
    """Whether a token may stand on either side of a sign."""
    return is_number(token) or (len(token) == 1 and (token.isalpha() or token in _CLOSED))


def is_exact(word: str) -> bool:
    """Whether a word is a number or a sign, another of which makes another exercise."""
    return not word.isalpha() or word == "x"


def is_number(word: str) -> bool:
    """Whether a word is a number in figures."""
    return word[:1].isdigit()


def is_operator(token: str) -> bool:
    """Whether a token is a sign of arithmetic."""
    return token in _OPERATORS or unicodedata.category(token[0]) == "Sm"


def _folded(text: str) -> str:
    """A text in lower case and, as far as it goes, in ASCII."""
    if text.isascii():
        return text.lower()
    # By look first: the decomposition of some characters no longer looks like them.
    text = _by_look(_without_marks(text))
    text = _by_look(_without_marks(unicodedata.normalize("NFKD", text)))
    return text.lower()


def _without_marks(text: str) -> str:
    return _GENERIC_MARKS.sub("", "".join(filter(_has_width, text)))


def _by_look(text: str) -> str:
    return "".join(_read("".join(run)) for _, run in groupby(text, _in_word))


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _read(run: str) -> str:
    """Word characters, or others, as they are read: digits by their value, all else by its look.

    Among letters a digit of another script that stands alone is one more that looks like a
    letter, if it does; several in a row are a number.
    """
    seen = representatives()
    lettered = any(c.isalpha() for c in run)

    def read(before: str, character: str, after: str) -> str:
        look = seen.get(ord(character), character)
        alone = not (before.isdecimal() or after.isdecimal())
        if character.isdecimal() and not (lettered and alone and look.isalpha()):
            return str(unicodedata.decimal(character))
        return "-" if unicodedata.category(character) == "Pd" else look

    return "".join(map(read, f" {run}", run, f"{run[1:]} "))


def _has_width(character: str) -> bool:
    """Whether a character is neither one of format nor of control, white space apart."""
    return character.isspace() or unicodedata.category(character) not in ("Cf", "Cc", "Co", "Cn")


def _shortest(number: str) -> str:
    """A number in figures without separators and needless zeros."""
    whole, _, decimals = _SEPARATOR.sub("", number).partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
