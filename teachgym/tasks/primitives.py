"""The skills of ``arithmetic-and-strings``: their questions, answers, needs and inverses.

A table of one line per skill. ``question`` draws the text between the skill's name and the
equals sign, ``answer`` is a pure function of that text.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from teachgym.tasks.procedural import Numbers

Question = Callable[[Numbers, int], str]
"""Draws a question of a level in {0, 1, 2}; longer words and larger numbers at higher levels."""
Answer = Callable[[str], str]

LETTERS = string.ascii_lowercase
LEVELS = 3


@dataclass(frozen=True, slots=True)
class Primitive:
    """A skill, with the rules that draw and answer its questions."""

    name: str
    """As it stands in the prompt."""
    root: str
    """The root skill it is a subskill of."""
    description: str
    question: Question
    answer: Answer
    needs: tuple[str, ...] = ()
    """The skills it is composed of."""


# -- questions -----------------------------------------------------------------------------


def _word(shortest: int) -> Question:
    """Random letters: ``shortest`` or one more at level 0, one more per level."""
    return lambda draw, level: _letters(draw, _length(draw, level, shortest))


def _digits(shortest: int) -> Question:
    """Random digits: ``shortest`` or one more at level 0, one more per level."""

    def question(draw: Numbers, level: int) -> str:
        return "".join(map(str, draw(10, _length(draw, level, shortest))))

    return question


def _number(fewest_digits: int) -> Question:
    """One number of ``fewest_digits + level`` digits."""
    return lambda draw, level: str(_of_digits(draw, fewest_digits + level))


def _pair(sign: str, sizes: Sequence[tuple[int, int]]) -> Question:
    """Two numbers around a sign, with the digits that ``sizes`` gives for each level."""

    def question(draw: Numbers, level: int) -> str:
        left, right = sizes[level]
        return f"{_of_digits(draw, left)}{sign}{_of_digits(draw, right)}"

    return question


def _two_words(draw: Numbers, level: int) -> str:
    """Two equally long words, 2 to 4 letters."""
    letters = _letters(draw, 2 * (level + 2))
    return f"{letters[: level + 2]},{letters[level + 2 :]}"


def _word_and_substitution(draw: Numbers, level: int) -> str:
    """A word of 3 to 5 letters, then one of its letters and the letter to put instead."""
    word = _letters(draw, 3 + level)
    return f"{word},{word[draw(len(word), 1)[0]]}{_letters(draw, 1)}"


def _letters(draw: Numbers, count: int) -> str:
    return "".join([LETTERS[i] for i in draw(26, count)])


def _length(draw: Numbers, level: int, shortest: int) -> int:
    return shortest + level + draw(2, 1)[0]


def _of_digits(draw: Numbers, n_digits: int) -> int:
    least: int = 10 ** (n_digits - 1)
    return least + draw(9 * least, 1)[0]


# -- answers -------------------------------------------------------------------------------


def _shift(word: str, by: int) -> str:
    return "".join([LETTERS[(LETTERS.index(c) + by) % 26] for c in word])


def _mirror(word: str) -> str:
    return "".join([LETTERS[25 - LETTERS.index(c)] for c in word])


def _swap(word: str) -> str:
    pairs = [word[i : i + 2][::-1] for i in range(0, len(word), 2)]
    return "".join(pairs)


def _weave(question: str) -> str:
    left, right = question.split(",")
    return "".join([a + b for a, b in zip(left, right, strict=True)])


def _substitute(question: str) -> str:
    word, letters = question.split(",")
    return word.replace(letters[0], letters[1])


def _repeat(word: str, times: int) -> str:
    return "".join([c * times for c in word])


def _numbers(question: str, sign: str) -> tuple[int, int]:
    a, b = question.split(sign)
    return int(a), int(b)


def _less(question: str) -> str:
    a, b = _numbers(question, "<")
    return "T" if a < b else "F"


def _checksum(word: str) -> str:
    return str(sum((i + 1) * 7 * LETTERS.index(c) for i, c in enumerate(word)) % 97)


# -- the table -----------------------------------------------------------------------------

_WORD = _word(3)
_SHORT = _word(2)
_EQUAL = ((2, 2), (3, 3), (4, 4))
_MIXED = ((2, 1), (2, 2), (3, 2))

PRIMITIVES: tuple[Primitive, ...] = (
    Primitive("copy", "copying", "repeat the word", _WORD, lambda w: w),
    Primitive("double", "copying", "write each letter twice", _SHORT, lambda w: _repeat(w, 2)),
    Primitive("triple", "copying", "write each letter 3 times", _SHORT, lambda w: _repeat(w, 3)),
    Primitive("first", "picking", "the first letter", _WORD, lambda w: w[0]),
    Primitive("last", "picking", "the last letter", _WORD, lambda w: w[-1]),
    Primitive("odd", "picking", "the 1st, 3rd, 5th ... letter", _WORD, lambda w: w[::2]),
    Primitive("tail", "picking", "all but the first letter", _WORD, lambda w: w[1:]),
    Primitive("up", "ordering", "sort digits, ascending", _digits(3), lambda d: "".join(sorted(d))),
    Primitive("down", "ordering", "sort digits, descending", _digits(3),
              lambda d: "".join(sorted(d)[::-1])),
    Primitive("max", "ordering", "the largest digit", _digits(3), max),
    Primitive("min", "ordering", "the smallest digit", _digits(3), min),
    Primitive("next", "shifting", "each letter's successor", _SHORT, lambda w: _shift(w, 1)),
    Primitive("prev", "shifting", "each letter's predecessor", _SHORT, lambda w: _shift(w, -1)),
    Primitive("mirror", "shifting", "a for z, b for y, ...", _SHORT, _mirror),
    Primitive("rotl", "moving", "first letter to the end", _WORD, lambda w: w[1:] + w[0]),
    Primitive("rotr", "moving", "last letter to the front", _WORD, lambda w: w[-1] + w[:-1]),
    Primitive("rev", "moving", "the word backwards", _SHORT, lambda w: w[::-1]),
    Primitive("swap", "moving", "swap neighbours in pairs", _WORD, _swap),
    Primitive("mix", "combining", "interleave two words", _two_words, _weave),
    Primitive("rep", "combining", "substitute a letter", _word_and_substitution, _substitute),
    Primitive("revnext", "combining", "successors, backwards", _SHORT, lambda w: _shift(w[::-1], 1),
              needs=("rev", "next")),
    Primitive("twoprev", "combining", "each letter's predecessor, twice", _SHORT,
              lambda w: _repeat(_shift(w, -1), 2), needs=("double", "prev")),
    Primitive("rotnext", "combining", "successors, first letter to the end", _WORD,
              lambda w: _shift(w[1:] + w[0], 1), needs=("rotl", "next")),
    Primitive("tailprev", "combining", "predecessors of all but the first letter", _WORD,
              lambda w: _shift(w[1:], -1), needs=("tail", "prev")),
    Primitive("oddnext", "combining", "successors of the 1st, 3rd, 5th ... letter", _WORD,
              lambda w: _shift(w[::2], 1), needs=("odd", "next")),
    Primitive("twotail", "combining", "all but the first letter, twice each", _SHORT,
              lambda w: _repeat(w[1:], 2), needs=("double", "tail")),
    Primitive("less", "arithmetic", "is a < b? (T or F)", _pair("<", _EQUAL), _less),
    Primitive("add", "arithmetic", "sum", _pair("+", _MIXED), lambda q: str(sum(_numbers(q, "+")))),
    Primitive("sub", "arithmetic", "difference", _pair("-", _MIXED),
              lambda q: str(_numbers(q, "-")[0] - _numbers(q, "-")[1])),
    Primitive("mod", "arithmetic", "remainder by 3", _number(4), lambda q: str(int(q) % 3)),
    Primitive("mul", "arithmetic", "product", _pair("*", _EQUAL),
              lambda q: str(_numbers(q, "*")[0] * _numbers(q, "*")[1])),
    Primitive("sum97", "arithmetic", "weighted letter sum modulo 97", _WORD, _checksum),
)  # fmt: skip
"""Skills in the order of every report; ``mul`` and ``sum97`` are there to be beyond reach."""

ROOTS: Mapping[str, str] = {
    "copying": "write letters again",
    "picking": "leave letters out",
    "ordering": "compare digits by size",
    "shifting": "replace each letter by another of the alphabet",
    "moving": "put letters in other places",
    "combining": "do two things, or work on two texts",
    "arithmetic": "calculate",
}
"""Root skills with what their subskills have in common."""
