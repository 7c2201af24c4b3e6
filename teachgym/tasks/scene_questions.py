"""Questions about scenes: one table of forms to draw, read and answer them.

``{the}`` stands for a thing, which is named by its place, found by its look, or found by a hop from
a place: ``the top left thing`` (level 0), ``the red circle`` (1), ``the thing just left of the
centre thing`` (2). ``{where}`` stands for a part of the scene: all of it (0), ``in the top row``
(1), ``in the row of the centre thing`` (2). After CLEVR (Johnson et al. 2017, arXiv 1612.06890,
section 3), whose scenes are of three dimensions, whose questions name no places, and whose hops
start at a look and go to any thing on a side; here a hop goes to the neighbour, so that it always
leads to one thing, and starts at a place, because small students do not learn to hop from a look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from teachgym.tasks.procedural import Numbers
from teachgym.tasks.scenes import COLOURS, PLACES, SHAPES, SIZES, WIDTH, Scene, Thing

LEVELS = 3
"""By place, by look, by a hop from a place."""
ROOTS: Mapping[str, str] = {
    "query": "What a thing is like.",
    "count": "How many things there are.",
    "exist": "Whether there is such a thing.",
    "compare": "Which are more, or alike.",
    "relate": "Where things are to each other.",
    "logic": "And, or, not.",
}

_STEPS: Mapping[str, tuple[int, int]] = {
    "left of": (0, -1),
    "right of": (0, 1),
    "above": (-1, 0),
    "below": (1, 0),
}
"""Rows and columns from a thing to the neighbour on that side."""
_LINES: Mapping[str, tuple[str, ...]] = {
    "row": ("top", "middle", "bottom"),
    "column": ("left", "middle", "right"),
}
"""Names of the rows and of the columns, in order."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    "size": SIZES,
    "colour": tuple(COLOURS),
    "less": tuple(COLOURS),
    "shape": SHAPES,
    "side": ("left of", "right of"),
    "height": ("above", "below"),
    "axis": tuple(_LINES),
}
"""The words that may stand in a place of a form."""


class One(NamedTuple):
    """A reference to a thing: by its place, by its look, or by a hop from the thing at a place."""

    kind: tuple[str, ...] = ()
    """Words that hold for one thing alone: a size, a colour, a shape; () = none, but a place."""
    place: str = ""
    side: str = ""
    """The side of the thing at that place on which the one in question is its neighbour."""

    def __str__(self) -> str:
        hop = f"the thing just {self.side} " if self.side else ""
        noun = "" if self.kind and self.kind[-1] in SHAPES else " thing"
        return f"{hop}the {self.place or ' '.join(self.kind)}{noun}"

    @property
    def level(self) -> int:
        """The level at which it is found, in [0, ``LEVELS``)."""
        return 2 if self.side else int(bool(self.kind))

    def find(self, scene: Scene) -> int | None:
        """The cell of the thing; None if there is none or more than one."""
        if self.place:
            cell = PLACES.index(self.place)
            if scene[cell] is None:
                return None
            return _neighbour(scene, cell, self.side) if self.side else cell
        cells = [
            i for i, thing in enumerate(scene) if thing and all(word in thing for word in self.kind)
        ]
        return cells[0] if len(cells) == 1 else None


class Where(NamedTuple):
    """A part of a scene: all of it, a row or column by its name, or that of a thing."""

    axis: str = ""
    line: str = ""
    one: One | None = None

    def __str__(self) -> str:
        if self.one:
            return f" in the {self.axis} of {self.one}"
        return f" in the {self.line} {self.axis}" if self.axis else ""

    @property
    def level(self) -> int:
        """The level at which it is found, in [0, ``LEVELS``)."""
        return 2 if self.one else int(bool(self.axis))

    def things(self, scene: Scene) -> list[Thing] | None:
        """The things there, including the named one; None if it cannot be found."""
        if not self.axis:
            return [thing for thing in scene if thing]
        if self.one is None:
            chosen = _LINES[self.axis].index(self.line)
        elif (cell := self.one.find(scene)) is None:
            return None
        else:
            chosen = _line(cell, self.axis)
        return [thing for i, thing in enumerate(scene) if thing and _line(i, self.axis) == chosen]


Slots = Mapping[str, Any]
"""The filling of each place of a form: a ``One``, a ``Where`` or a word."""
_Answer = Callable[[Slots, Scene], Any]


class Form(NamedTuple):
    """A kind of question, which is a skill."""

    skill: str
    root: str
    description: str
    text: str
    answer: _Answer
    """A word, a number, or whether it is so; None if something is not to be found."""
    hides: str = ""
    """The features that the question must not tell of its things."""


class Question(NamedTuple):
    """A question that was drawn or read."""

    form: Form
    slots: Slots

    def __str__(self) -> str:
        return self.form.text.format(**self.slots)

    @property
    def level(self) -> int:
        """The level at which its things are found, in [0, ``LEVELS``)."""
        about: One | Where = self.slots["where" if "where" in self.slots else "the"]
        return about.level

    def answer(self, scene: Scene) -> str | None:
        """The answer, one word; None if the scene has no such thing, or several."""
        found = self.form.answer(self.slots, scene)
        return {True: "yes", False: "no"}[found] if isinstance(found, bool) else _word(found)


def _word(found: Any) -> str | None:
    return None if found is None else str(found)


def _neighbour(scene: Scene, cell: int, step: str) -> int | None:
    """The cell on a side of another, if something is in it."""
    rows, columns = _STEPS[step]
    row, column = cell // WIDTH + rows, cell % WIDTH + columns
    if not (0 <= row < WIDTH and 0 <= column < WIDTH):
        return None
    found = row * WIDTH + column
    return found if scene[found] else None


def _line(cell: int, axis: str) -> int:
    return cell // WIDTH if axis == "row" else cell % WIDTH


def _feature(name: str) -> _Answer:
    """The feature of the thing."""

    def answer(slots: Slots, scene: Scene) -> str | None:
        cell = slots["the"].find(scene)
        return None if cell is None else getattr(scene[cell], name)

    return answer


def _among(judge: Callable[[Slots, list[Thing]], Any]) -> _Answer:
    """The verdict of ``judge`` on the things in a part of the scene."""

    def answer(slots: Slots, scene: Scene) -> Any:
        things = slots["where"].things(scene)
        return None if things is None else judge(slots, things)

    return answer


def _between(judge: Callable[[Slots, Scene, int, int], bool], second: str = "other") -> _Answer:
    """The verdict of ``judge`` on the cells of two things, the other in the place ``second``."""

    def answer(slots: Slots, scene: Scene) -> bool | None:
        one, other = slots["the"].find(scene), slots[second].find(scene)
        if one is None or other is None or one == other:
            return None
        return judge(slots, scene, one, other)

    return answer


def _number(name: str) -> _Answer:
    """The number of things that have the feature in that place."""
    return _among(lambda s, things: _count(s[name], things))


def _any(*names: str) -> _Answer:
    """Whether one thing has all of what is in these places."""
    return _among(lambda s, things: any(all(s[n] in t for n in names) for t in things))


def _count(word: str, things: Iterable[Thing]) -> int:
    return sum(word in thing for thing in things)


def _alike(name: str) -> _Answer:
    """Whether a thing is in this like the one at a spot."""
    return _between(
        lambda _, scene, i, k: getattr(scene[i], name) == getattr(scene[k], name), "spot"
    )


def _on_side(slot: str) -> _Answer:
    """Whether a thing is on a side of another, however far."""

    def judge(slots: Slots, scene: Scene, one: int, other: int) -> bool:
        rows, columns = _STEPS[slots[slot]]
        down, right = one // WIDTH - other // WIDTH, one % WIDTH - other % WIDTH
        return rows * down + columns * right > 0

    return _between(judge)


def _is_next(slots: Slots, scene: Scene, one: int, other: int) -> bool:
    return any(_neighbour(scene, other, step) == one for step in _STEPS)


_FORMS = (
    Form("colour", "query", "Name a colour.", "what colour is {the}?", _feature("colour"),
         hides="colour"),
    Form("shape", "query", "Name a shape.", "what shape is {the}?", _feature("shape"),
         hides="shape"),
    Form("size", "query", "Name a size.", "what size is {the}?", _feature("size"), hides="size"),
    Form("count-colour", "count", "Count what has a colour.",
         "how many {colour} things are there{where}?", _number("colour")),
    Form("count-shape", "count", "Count what has a shape.", "how many {shape}s are there{where}?",
         _number("shape")),
    Form("count-size", "count", "Count what has a size.",
         "how many {size} things are there{where}?", _number("size")),
    Form("exist-colour", "exist", "Find a colour.", "is there a {colour} thing{where}?",
         _any("colour")),
    Form("exist-shape", "exist", "Find a shape.", "is there a {shape}{where}?", _any("shape")),
    Form("exist-both", "exist", "Find a colour and a shape in one.",
         "is there a {colour} {shape}{where}?", _any("colour", "shape")),
    Form("more", "compare", "Compare numbers of things.",
         "are there more {colour} than {less} things{where}?",
         _among(lambda s, them: _count(s["colour"], them) > _count(s["less"], them))),
    Form("same-colour", "compare", "Compare colours.", "does {the} have the colour of {spot}?",
         _alike("colour"), hides="colour"),
    Form("same-shape", "compare", "Compare shapes.", "does {the} have the shape of {spot}?",
         _alike("shape"), hides="shape"),
    Form("side", "relate", "Tell left from right.", "is {the} {side} {other}?", _on_side("side")),
    Form("height", "relate", "Tell above from below.", "is {the} {height} {other}?",
         _on_side("height")),
    Form("next", "relate", "Tell neighbours.", "is {the} next to {other}?", _between(_is_next)),
    Form("and", "logic", "Find both.", "is there a {colour} thing and a {shape}{where}?",
         _among(lambda s, them: bool(_count(s["colour"], them) and _count(s["shape"], them)))),
    Form("or", "logic", "Find either.", "is there a {colour} thing or a {shape}{where}?",
         _among(lambda s, them: bool(_count(s["colour"], them) or _count(s["shape"], them)))),
    Form("not", "logic", "Find a shape of another colour.",
         "is there a {shape} that is not {colour}{where}?",
         _among(lambda s, them: any(s["shape"] in t and s["colour"] not in t for t in them))),
)  # fmt: skip
FORMS: Mapping[str, Form] = {form.skill: form for form in _FORMS}
"""Every form by its skill."""


def draw_question(form: Form, level: int, scene: Scene, numbers: Numbers) -> Question | None:
    """Draw a question of a level with an answer in the scene; None if this draw fails."""
    slots: dict[str, Any] = {}
    for name in re.findall(r"{(\w+)}", form.text):
        if name == "the":
            slots[name] = _draw_one(scene, level, form.hides, numbers)
        elif name in _LEVELS_OF:
            slots[name] = _draw_one(scene, _LEVELS_OF[name], "", numbers)
        elif name == "where":
            slots[name] = _draw_where(scene, level, numbers)
        else:
            slots[name] = _WORDS[name][numbers(len(_WORDS[name]), 1)[0]]
    question = Question(form, slots)
    tells_nothing = slots.get("colour") == slots.get("less", "")
    if None in slots.values() or tells_nothing or question.answer(scene) is None:
        return None
    return question


_LEVELS_OF: Mapping[str, int] = {"other": 1, "spot": 0}
"""The level at which a form's second thing is found, whatever the level of the question."""


def _draw_where(scene: Scene, level: int, numbers: Numbers) -> Where | None:
    if level == 0:
        return Where()
    axis_number, line = numbers(WIDTH * 2, 2)
    axis = _WORDS["axis"][axis_number % 2]
    if level == 1:
        return Where(axis, _LINES[axis][line % WIDTH])
    one = _draw_one(scene, 0, "", numbers)
    return one and Where(axis, one=one)


def _draw_one(scene: Scene, level: int, hidden: str, numbers: Numbers) -> One | None:
    """A thing of the scene, found as that level has it, by a few words that hold for it alone.

    ``hidden`` is not among what is said of its look.
    """
    cells = [i for i, thing in enumerate(scene) if thing]
    cell = cells[numbers(len(cells), 1)[0]]
    if level == 0:
        return One(place=PLACES[cell])
    if level == 2:
        hop = One(place=PLACES[cell], side=tuple(_STEPS)[numbers(len(_STEPS), 1)[0]])
        return hop if hop.find(scene) is not None else None
    thing = scene[cell]
    assert thing is not None
    names = [n for n in Thing._fields if n != hidden]
    for count in range(1, len(names) + 1):
        chosen = list(combinations(names, count))
        first = numbers(len(chosen), 1)[0]
        for names_of_kind in chosen[first:] + chosen[:first]:
            found = One(tuple(getattr(thing, n) for n in names_of_kind))
            if found.find(scene) is not None:
                return found
    return None


# -- reading ----------------------------------------------------------------------------------

_ONE = (
    rf"the (?:(?:{'|'.join(SIZES)}) )?(?:(?:{'|'.join(COLOURS)}) )?(?:{'|'.join(SHAPES)}|thing)"
    rf"|(?:the thing just (?:{'|'.join(_STEPS)}) )?the (?:{'|'.join(PLACES)}) thing"
)
_LINE = "|".join(f"{line} {axis}" for axis, lines in _LINES.items() for line in lines)
_STEP = re.compile(rf"the thing just ({'|'.join(_STEPS)}) ")


def parse_question(text: str) -> Question | None:
    """The question that a text asks; None for a text of another form."""
    for form, pattern in _PATTERNS:
        if found := pattern.fullmatch(text.strip()):
            slots = {name: _read(name, told) for name, told in found.groupdict().items()}
            if None not in slots.values():
                return Question(form, slots)
    return None


def _read(name: str, told: str | None) -> Any:
    """The filling of a place of a form."""
    if name == "where":
        return _read_where((told or "").removeprefix(" in the "))
    if name != "the" and name not in _LEVELS_OF:
        return told
    one = _read_one(told or "")
    return one if one is not None and one.level == _LEVELS_OF.get(name, one.level) else None


def _read_where(told: str) -> Where | None:
    if not told:
        return Where()
    axis, is_of_one, rest = told.partition(" of ")
    if not is_of_one:
        line, _, axis = told.partition(" ")
        return Where(axis, line)
    one = _read_one(rest)
    return Where(axis, one=one) if one is not None and one.level == 0 else None


def _read_one(told: str) -> One | None:
    step = _STEP.match(told)
    named = _STEP.sub("", told).removeprefix("the ")
    if (place := named.removesuffix(" thing")) in PLACES:
        return One(place=place, side=step[1] if step else "")
    kind = named.removesuffix("thing").split()
    return One(tuple(kind)) if kind and not step else None


def _pattern(form: Form) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", form.text)
    for i in range(1, len(parts), 2):
        name = parts[i]
        inner = "|".join(_WORDS.get(name, (_ONE,)))
        if name == "where":
            parts[i] = rf"(?P<where>(?: in the (?:(?:row|column) of (?:{_ONE})|{_LINE}))?)"
        else:
            parts[i] = f"(?P<{name}>{inner})"
        parts[i - 1] = re.escape(parts[i - 1])
    parts[-1] = re.escape(parts[-1])
    return re.compile("".join(parts))


_PATTERNS = [(form, _pattern(form)) for form in FORMS.values()]
