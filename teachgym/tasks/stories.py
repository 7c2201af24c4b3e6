"""Stories: word problems told sentence by sentence, drawn at random and understood again.

Each sentence is one of ``story_rules`` or says how many things somebody has; a question comes
last. Drawing and reading go by the same table, so a problem that anyone wrote in these words can
be solved, and what is drawn is right by construction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from teachgym.tasks.procedural import Numbers
from teachgym.tasks.story_rules import FRACTIONS, RULES, Rule, pattern_of

NAMES = (
    *("Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ida", "Jon", "Kim", "Leo"),
    *("Mia", "Ned", "Omar", "Pia", "Rosa", "Sam", "Tom", "Uma", "Vera", "Will", "Yara", "Zoe"),
)
THINGS = (
    *("apples", "balls", "books", "cards", "coins", "cups", "eggs", "figs"),
    *("jars", "keys", "lamps", "nuts", "pens", "shells", "stamps", "toys"),
)
LARGEST = 200
"""No sentence leads to more."""

_GIVEN, _QUESTION = "{a} has {n} {t}.", "How many {t} does {a} have?"
_STARTS, _IDLE = range(2, 61), range(2, 31)
_TRIES = 6
"""Numbers tried for a sentence before the story is given up."""
_WORDS = {word: number for number, word in FRACTIONS.items()}
_SENTENCE = re.compile(r"[^.?]+[.?]")
_NAME = re.compile(r"[A-Z][a-z]+")
_READ_GIVEN, _READ_QUESTION = pattern_of(_GIVEN), pattern_of(_QUESTION)

_SENTENCES = (
    (_READ_GIVEN, (_GIVEN,)),
    (_READ_QUESTION, (_QUESTION,)),
    *((form, rule.wordings) for rule in RULES for form in rule.forms),
)
"""Every sentence that a story can have, and the wordings of what it says."""

T = TypeVar("T")
Key = tuple[str, str]
"""An owner and a thing."""


@dataclass
class Story:
    """The state of a story after its sentences so far."""

    sentences: list[str] = field(default_factory=list)
    has: dict[Key, int] = field(default_factory=dict)
    """The number of things that each owner has."""
    rules: list[str] = field(default_factory=list)
    """Names of the rules of its sentences, in order."""
    lines: list[str] = field(default_factory=list)
    """All calculations, such as ``12-5=7``, in order."""

    def apply(self, rule: Rule, told: dict[str, str]) -> Key | None:
        """Apply a sentence; returns whose result it is, or None if it makes no sense here.

        That is so of somebody of whom nothing is known, and of a second word on one who is.
        """
        first, second = (told["a"], told["t"]), (told.get("b", ""), told["t"])
        result = told[rule.to], told.get("u", told["t"])
        known = [first, second] if rule.needs_two else [first]
        if not all(key in self.has for key in known) or (result != first and result in self.has):
            return None
        n = _WORDS[told["f"]] if "f" in told else int(told.get("n", 1))
        numbers = (self.has[first], n, int(told.get("m", 1)), self.has.get(second, 0))
        if min(numbers[:3]) < 1 or (lines := rule.calculate(*numbers)) is None:
            return None
        self.has[result] = int(lines[-1].partition("=")[2])
        self.rules.append(rule.name)
        self.lines += lines
        return result

    @property
    def identity(self) -> str:
        """The initial things, the rules and the calculations.

        It is equal for stories that differ in people, in wording or in what is idle.
        """
        return f"{next(iter(self.has))[1]}: {','.join(self.rules)} {' '.join(self.lines)}"


@dataclass(frozen=True, slots=True)
class Solution:
    """The solution of a problem."""

    answer: int
    rules: frozenset[str]
    """Names of the rules that it takes."""


def solve(problem: str) -> Solution | None:
    """The solution of a problem in the words of ``story_rules``; None for any other text.

    Example:
        >>> solve("Ann has 12 pens. Ben has 5 more pens than Ann. How many pens does Ben have?")
        Solution(answer=17, rules=frozenset({'more'}))
    """
    story = Story()
    *told, question = [s.strip() for s in _SENTENCE.findall(problem)] or [""]
    asked = _READ_QUESTION.fullmatch(question)
    if asked is None or not all(_tell(story, sentence) for sentence in told):
        return None
    answer = story.has.get((asked["a"], asked["t"]))
    return None if answer is None else Solution(answer, frozenset(story.rules))


def _tell(story: Story, sentence: str) -> bool:
    """Take in a sentence, if it can be understood."""
    if given := _READ_GIVEN.fullmatch(sentence):
        key = given["a"], given["t"]
        if key in story.has:
            return False
        story.has[key] = int(given["n"])
        return True
    readings = ((r, form.fullmatch(sentence)) for r in RULES for form in r.forms)
    return any(told and story.apply(rule, told.groupdict()) for rule, told in readings)


def retell(problem: str, numbers: Numbers) -> str | None:
    """The problem with other people and other wordings of the same sentences.

    None of anything that cannot be understood. Things, numbers and the order of sentences stay, and
    so do the calculations; a wording that says everything the old one does may be the old one.

    Example:
        >>> retell("Ann has 12 pens. How many pens does Ann have?", lambda below, n: [1] * n)
        'Ben has 12 pens. How many pens does Ben have?'
    """
    wanted = solve(problem)
    if wanted is None:
        return None
    told = [_reworded(sentence.strip(), numbers) for sentence in _SENTENCE.findall(problem)]
    retold = _renamed(" ".join(told), numbers)
    return retold if solve(retold) == wanted else None


def _reworded(sentence: str, numbers: Numbers) -> str:
    """A sentence of a story in a wording that says as much."""
    for read, wordings in _SENTENCES:
        if found := read.fullmatch(sentence):
            said = found.groupdict()
            able = [w for w in wordings if pattern_of(w).groupindex.keys() == said.keys()]
            return _pick(able, numbers).format(**said)
    raise AssertionError(f"{sentence!r} was understood a moment ago")


def _renamed(problem: str, numbers: Numbers) -> str:
    """The problem about other people, each of them one and the same throughout."""
    people = list(NAMES)
    other = {name: _take(people, numbers) for name in NAMES if name in problem}
    return _NAME.sub(lambda found: other.get(found[0], found[0]), problem)


def draw_story(rules: Sequence[Rule], numbers: Numbers) -> tuple[Story, str] | None:
    """Draw a story in which every rule starts from the previous result, with the problem's text.

    One problem in two says something besides that has nothing to do with the question. None where
    no numbers were found that come out even and lead to no more than ``LARGEST``.
    """
    story, people, things = Story(), list(NAMES), list(THINGS)
    key = _take(people, numbers), _take(things, numbers)
    _give(story, key, _pick(_STARTS, numbers))
    for rule in rules:
        found = _add(story, rule, key, people, things, numbers)
        if found is None:
            return None
        key = found
    return story, _with_distractor(story, key, people, things, numbers)


def _add(
    story: Story,
    rule: Rule,
    key: Key,
    people: list[str],
    things: list[str],
    numbers: Numbers,
) -> Key | None:
    """Tell one more sentence; whose result it is, or None if no numbers were found for it."""
    wording = _pick(rule.wordings, numbers)
    told = {"a": key[0], "t": key[1]}
    for place in _named_in(wording):
        told[place] = _take(things if place == "u" else people, numbers)
    x, y = story.has[key], 0
    if rule.needs_two:
        y = _pick(_STARTS, numbers)
        _give(story, (told["b"], key[1]), y)
    for _ in range(_TRIES):
        n, m = _pick(rule.n, numbers), _pick(rule.m, numbers)
        lines = rule.calculate(x, n, m, y)
        if lines and int(lines[-1].partition("=")[2]) <= LARGEST:
            told |= {"n": str(n), "m": str(m)} | ({"f": FRACTIONS[n]} if "{f}" in wording else {})
            story.sentences.append(wording.format(**told))
            return story.apply(rule, told)
    return None


@cache
def _named_in(wording: str) -> tuple[str, ...]:
    """Places of a wording for people and things besides the first."""
    return tuple(place for place in "bcu" if f"{{{place}}}" in wording)


def _with_distractor(
    story: Story, key: Key, people: list[str], things: list[str], numbers: Numbers
) -> str:
    """The problem: the story, in one of two cases something besides, and the question."""
    sentences = list(story.sentences)
    if numbers(2, 1)[0]:
        who, what = key
        if numbers(2, 1)[0]:
            who = _take(people, numbers)
        else:
            what = _take(things, numbers)
        idle = _GIVEN.format(a=who, n=_pick(_IDLE, numbers), t=what)
        sentences.insert(numbers(len(sentences) + 1, 1)[0], idle)
    return " ".join([*sentences, _QUESTION.format(a=key[0], t=key[1])])


def _give(story: Story, key: Key, count: int) -> None:
    story.has[key] = count
    story.sentences.append(_GIVEN.format(a=key[0], n=count, t=key[1]))


def _take(options: list[str], numbers: Numbers) -> str:
    """An option that nobody has had, at random."""
    return options.pop(numbers(len(options), 1)[0])


def _pick(options: Sequence[T], numbers: Numbers) -> T:
    return options[numbers(len(options), 1)[0]] if len(options) > 1 else options[0]
