"""Questions about scenes: one table of forms to draw, read and answer them.

``{the}`` stands for a thing that is found by 0, 1 or 2 hops, as in ``the thing just left of the
red circle`` (1), and ``{where}`` for a part of the scene, such as ``in the row of the red circle``
(1). How many hops a question takes is its level. After CLEVR (Johnson et al. 2017, arXiv
1612.06890, section 3), whose scenes are of three dimensions and whose hops go to any thing on a
side; here a hop goes to the neighbour, so that it always leads to one thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from teachgym.tasks.procedural import Numbers
from teachgym.tasks.scenes import COLOURS, SHAPES, SIZES, WIDTH, Scene, Thing

LEVELS = 3
"""Questions of 0, 1 and 2 hops."""
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
_BACK = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "size": SIZES,
    "colour": tuple(COLOURS),
    "less": tuple(COLOURS),
    "shape": SHAPES,
    "side": ("left of", "right of"),
    "height": ("above", "below"),
    "axis": ("row", "column"),
}
"""What may stand in the place of a word of a form."""


class One(NamedTuple):
    """A reference to a thing by its look and by hops from there."""

    kind: tuple[str, ...]
    """Words that hold for the first thing alone: a size, a colour, a shape, at least one."""
    steps: tuple[str, ...] = ()
    """Sides, the last hop first."""

    def __str__(self) -> str:
        hops = "".join(f"the thing just {step} " for step in self.steps)
        noun = "" if self.kind[-1] in SHAPES else " thing"
        return f"{hops}the {' '.join(self.kind)}{noun}"

    def find(self, scene: Scene) -> int | None:
        """The cell of the thing; None if there is none or more than one."""
        cells = [
            i for i, thing in enumerate(scene) if thing and all(word in thing for word in self.kind)
        ]
        if len(cells) != 1:
            return None
        cell: int | None = cells[0]
        for step in reversed(self.steps):
            cell = None if cell is None else _neighbour(scene, cell, step)
        return cell


class Where(NamedTuple):
    """A part of a scene: all of it, or the row or column of a thing."""

    axis: str = ""
    one: One | None = None

    def __str__(self) -> str:
        return f" in the {self.axis} of {self.one}" if self.one else ""

    def things(self, scene: Scene) -> list[Thing] | None:
        """The things there, including the named one; None if it cannot be found."""
        if self.one is None:
            return [thing for thing in scene if thing]
        if (cell := self.one.find(scene)) is None:
            return None
        line = _line(cell, self.axis)
        return [thing for i, thing in enumerate(scene) if thing and _line(i, self.axis) == line]


Slots = Mapping[str, Any]
"""What stands in each place of a form: a ``One``, a ``Where`` or a word."""
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
    """What the question must not tell of the things that it is about."""


class Question(NamedTuple):
    """A question that was drawn or read."""

    form: Form
    slots: Slots

    def __str__(self) -> str:
        return self.form.text.format(**self.slots)

    @property
    def hops(self) -> int:
        """The number of hops, in [0, ``LEVELS``)."""
        where = self.slots.get("where")
        if where is not None:
            return 1 + len(where.one.steps) if where.one else 0
        return len(self.slots["the"].steps)

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
    """What the thing is like."""

    def answer(slots: Slots, scene: Scene) -> str | None:
        cell = slots["the"].find(scene)
        return None if cell is None else getattr(scene[cell], name)

    return answer


def _among(judge: Callable[[Slots, list[Thing]], Any]) -> _Answer:
    """What ``judge`` says of the things in a part of the scene."""

    def answer(slots: Slots, scene: Scene) -> Any:
        things = slots["where"].things(scene)
        return None if things is None else judge(slots, things)

    return answer


def _between(judge: Callable[[Slots, Scene, int, int], bool]) -> _Answer:
    """What ``judge`` says of the cells of two things."""

    def answer(slots: Slots, scene: Scene) -> bool | None:
        one, other = slots["the"].find(scene), slots["other"].find(scene)
        if one is None or other is None or one == other:
            return None
        return judge(slots, scene, one, other)

    return answer


def _number(name: str) -> _Answer:
    """How many things have what is in that place."""
    return _among(lambda s, things: _count(s[name], things))


def _any(*names: str) -> _Answer:
    """Whether one thing has all of what is in these places."""
    return _among(lambda s, things: any(all(s[n] in t for n in names) for t in things))


def _count(word: str, things: Iterable[Thing]) -> int:
    return sum(word in thing for thing in things)


def _alike(name: str) -> _Answer:
    return _between(lambda s, scene, i, k: getattr(scene[i], name) == getattr(scene[k], name))


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
    Form(
        "colour",
        "query",
        "Name a colour.",
        "what colour is {the}?",
        _feature("colour"),
        hides="colour",
    ),
    Form(
        "shape",
        "query",
        "Name a shape.",
        "what shape is {the}?",
        _feature("shape"),
        hides="shape",
    ),
    Form(
        "size",
        "query",
        "Name a size.",
        "what size is {the}?",
        _feature("size"),
        hides="size",
    ),
    Form(
        "count-colour",
        "count",
        "Count what has a colour.",
        "how many {colour} things are there{where}?",
        _number("colour"),
    ),
    Form(
        "count-shape",
        "count",
        "Count what has a shape.",
        "how many {shape}s are there{where}?",
        _number("shape"),
    ),
    Form(
        "count-size",
        "count",
        "Count what has a size.",
        "how many {size} things are there{where}?",
        _number("size"),
    ),
    Form(
        "exist-colour",
        "exist",
        "Find a colour.",
        "is there a {colour} thing{where}?",
        _any("colour"),
    ),
    Form(
        "exist-shape",
        "exist",
        "Find a shape.",
        "is there a {shape}{where}?",
        _any("shape"),
    ),
    Form(
        "exist-both",
        "exist",
        "Find a colour and a shape in one.",
        "is there a {colour} {shape}{where}?",
        _any("colour", "shape"),
    ),
    Form(
        "more",
        "compare",
        "Compare numbers of things.",
        "are there more {colour} than {less} things{where}?",
        _among(lambda s, things: _count(s["colour"], things) > _count(s["less"], things)),
    ),
    Form(
        "same-colour",
        "compare",
        "Compare colours.",
        "does {the} have the colour of {other}?",
        _alike("colour"),
        hides="colour",
    ),
    Form(
        "same-shape",
        "compare",
        "Compare shapes.",
        "does {the} have the shape of {other}?",
        _alike("shape"),
        hides="shape",
    ),
    Form(
        "side",
        "relate",
        "Tell left from right.",
        "is {the} {side} {other}?",
        _on_side("side"),
    ),
    Form(
        "height",
        "relate",
        "Tell above from below.",
        "is {the} {height} {other}?",
        _on_side("height"),
    ),
    Form(
        "next",
        "relate",
        "Tell neighbours.",
        "is {the} next to {other}?",
        _between(_is_next),
    ),
    Form(
        "and",
        "logic",
        "Find both.",
        "is there a {colour} thing and a {shape}{where}?",
        _among(lambda s, things: bool(_count(s["colour"], things) and _count(s["shape"], things))),
    ),
    Form(
        "or",
        "logic",
        "Find either.",
        "is there a {colour} thing or a {shape}{where}?",
        _among(lambda s, things: bool(_count(s["colour"], things) or _count(s["shape"], things))),
    ),
    Form(
        "not",
        "logic",
        "Find a shape of another colour.",
        "is there a {shape} that is not {colour}{where}?",
        _among(lambda s, things: any(s["shape"] in t and s["colour"] not in t for t in things)),
    ),
)
FORMS: Mapping[str, Form] = {form.skill: form for form in _FORMS}
"""Every form by its skill."""


def draw_question(form: Form, hops: int, scene: Scene, numbers: Numbers) -> Question | None:
    """Draw a question with this many hops and an answer in the scene; None if this draw fails."""
    slots: dict[str, Any] = {}
    for name in re.findall(r"{(\w+)}", form.text):
        if name in ("the", "other"):
            steps = hops if name == "the" else 0
            slots[name] = _draw_one(scene, steps, form.hides if not steps else "", numbers)
        elif name == "where":
            one = _draw_one(scene, hops - 1, "", numbers) if hops else None
            if hops and one is None:
                return None
            axis = _WORDS["axis"][numbers(2, 1)[0]]
            slots[name] = Where(axis, one) if one else Where()
        else:
            slots[name] = _WORDS[name][numbers(len(_WORDS[name]), 1)[0]]
    question = Question(form, slots)
    tells_nothing = slots.get("colour") == slots.get("less", "")
    if None in slots.values() or tells_nothing or question.answer(scene) is None:
        return None
    return question


def _draw_one(scene: Scene, hops: int, hidden: str, numbers: Numbers) -> One | None:
    """A thing of the scene by a few words that hold for it alone; ``hidden`` is not among them."""
    cells = [i for i, thing in enumerate(scene) if thing]
    cell = cells[numbers(len(cells), 1)[0]]
    steps: list[str] = []
    end = cell
    for number in numbers(2**20, hops):
        sides = {side: _neighbour(scene, end, side) for side in _STEPS}
        sides.pop(_BACK.get(steps[0], "") if steps else "", None)
        open_sides = [(side, found) for side, found in sides.items() if found is not None]
        if not open_sides:
            return None
        step, end = open_sides[number % len(open_sides)]
        steps.insert(0, step)
    thing = scene[cell]
    assert thing is not None
    names = [n for n in Thing._fields if n != hidden]
    for count in range(1, len(names) + 1):
        chosen = list(combinations(names, count))
        first = numbers(len(chosen), 1)[0]
        for names_of_kind in chosen[first:] + chosen[:first]:
            one = One(tuple(getattr(thing, n) for n in names_of_kind), tuple(steps))
            if one.find(scene) is not None:
                return one
    return None


# -- reading ----------------------------------------------------------------------------------

_ONE = (
    rf"(?:the thing just (?:{'|'.join(_STEPS)}) )*"
    rf"the (?:(?:{'|'.join(SIZES)}) )?(?:(?:{'|'.join(COLOURS)}) )?(?:{'|'.join(SHAPES)}|thing)"
)
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
    """What a place of a form is filled with."""
    if name == "where":
        if not told:
            return Where()
        axis, _, rest = told.removeprefix(" in the ").partition(" of ")
        one = _read_one(rest)
        return one and Where(axis, one)
    return _read_one(told or "") if name in ("the", "other") else told


def _read_one(told: str) -> One | None:
    steps = tuple(_STEP.findall(told))
    kind = _STEP.sub("", told).removeprefix("the ").removesuffix("thing").split()
    return One(tuple(kind), steps) if kind and len(steps) < LEVELS else None


def _pattern(form: Form) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", form.text)
    for i in range(1, len(parts), 2):
        name = parts[i]
        inner = "|".join(_WORDS.get(name, (_ONE,)))
        if name == "where":
            parts[i] = rf"(?P<where>(?: in the (?:row|column) of {_ONE})?)"
        else:
            parts[i] = f"(?P<{name}>{inner})"
        parts[i - 1] = re.escape(parts[i - 1])
    parts[-1] = re.escape(parts[-1])
    return re.compile("".join(parts))


_PATTERNS = [(form, _pattern(form)) for form in FORMS.values()]
