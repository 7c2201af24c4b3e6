"""Scenes of things on a three by three grid: drawn as pictures, and read back from their pixels.

One worked example: the text ``small red circle at the top left, large blue square at the centre``
describes a scene of two things; ``render`` draws it and ``read_scene`` finds the same two again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from teachgym.errors import ConfigError
from teachgym.images import open_image, to_png
from teachgym.tasks.procedural import Numbers

WIDTH = 3
"""Cells of a row, and rows."""
PLACES = (
    *("top left", "top middle", "top right"),
    *("middle left", "centre", "middle right"),
    *("bottom left", "bottom middle", "bottom right"),
)
"""Names of the cells, row by row."""
SIZES = ("small", "large")
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 48, 49),
    "green": (38, 158, 84),
    "blue": (45, 96, 200),
    "yellow": (240, 190, 30),
}
SHAPES = ("circle", "square", "triangle")

GROUND = (236, 236, 232)
"""The colour between the things."""
FEWEST, MOST = 4, 7
"""Things of a scene that is drawn at random."""
_FINER = 4
"""Things are drawn so many times larger and then shrunk, so that their edges are smooth."""
_SHARES: Mapping[str, float] = {"small": 0.5, "large": 0.86}
"""The shares of the side of a cell, by size."""


class Thing(NamedTuple):
    """A thing in a scene."""

    size: str
    colour: str
    shape: str


_FEATURES: Mapping[str, Sequence[str]] = {
    "size": SIZES,
    "colour": tuple(COLOURS),
    "shape": SHAPES,
}
KINDS = tuple(Thing(*values) for values in product(*_FEATURES.values()))

Scene = tuple[Thing | None, ...]
"""The thing in each of the cells, row by row; None = nothing."""

_THING = re.compile(
    rf"(?:an? )?({'|'.join(SIZES)}) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)}) "
    rf"at the ({'|'.join(PLACES)})"
)


def describe(scene: Scene) -> str:
    """Describe the scene in the words that ``parse_scene`` reads.

    Example:
        >>> describe((Thing("small", "red", "circle"), *[None] * 8))
        'small red circle at the top left'
    """
    things = [(place, thing) for place, thing in zip(PLACES, scene, strict=True) if thing]
    return ", ".join(f"{' '.join(thing)} at the {place}" for place, thing in things)


def parse_scene(text: str) -> Scene:
    """The scene that a text describes: things between commas, semicolons or lines, each at a place.

    Raises:
        ConfigError: for a text of another form, or two things at one place.
    """
    cells: dict[str, Thing] = {}
    for part in filter(None, map(str.strip, re.split(r"[,;\n]", text.lower().rstrip(". \n")))):
        if (found := _THING.fullmatch(part)) is None:
            raise ConfigError(
                f"{part!r} is not a thing of a scene, such as 'small red circle at the top left'; "
                f"a size ({', '.join(SIZES)}), a colour ({', '.join(COLOURS)}), a shape "
                f"({', '.join(SHAPES)}) and a place ({', '.join(PLACES)})"
            )
        size, colour, shape, place = found.groups()
        if place in cells:
            raise ConfigError(f"two things are at the {place}; a place has one at most")
        cells[place] = Thing(size, colour, shape)
    if not cells:
        raise ConfigError("the scene has no things; describe one or more")
    return tuple(map(cells.get, PLACES))


def draw_scene(numbers: Numbers, fewest: int = FEWEST, most: int = MOST) -> Scene:
    """A scene of ``fewest`` to ``most`` things, in [1, 9], all equally likely."""
    n_things = fewest + numbers(most - fewest + 1, 1)[0]
    keys = numbers(2**30, len(PLACES))
    kinds = numbers(len(KINDS), len(PLACES))
    taken = sorted(range(len(PLACES)), key=keys.__getitem__)[:n_things]
    return tuple(KINDS[kinds[i]] if i in taken else None for i in range(len(PLACES)))


def change(scene: Scene, numbers: Numbers) -> Scene:
    """The scene after one or two changes, each of one of four kinds.

    All sizes, colours or shapes change places with each other, as if they were renamed; the grid is
    mirrored, or turned by a quarter; two cells swap what is in them; or the sizes, colours or
    shapes of half of the things are drawn anew.
    """
    cells = list(scene)
    for _ in range(1 + numbers(2, 1)[0]):
        kind, what, by = numbers(60, 3)
        here, there = numbers(len(PLACES), 2)
        feature, values = tuple(_FEATURES.items())[what % len(_FEATURES)]
        if kind % 4 == 0:
            others = dict(zip(values, _shifted(values, by), strict=True))
            renamed = {old: {feature: new} for old, new in others.items()}
            cells = [c and c._replace(**renamed[c[what % len(_FEATURES)]]) for c in cells]
        elif kind % 4 == 1:
            cells = [cells[i] for i in _TURNS[by % len(_TURNS)]]
        elif kind % 4 == 2:
            cells[here], cells[there] = cells[there], cells[here]
        else:
            drawn = numbers(2 * len(values), len(cells))
            cells = [
                c and (c if n >= len(values) else c._replace(**{feature: values[n]}))
                for c, n in zip(cells, drawn, strict=True)
            ]
    return tuple(cells)


def _shifted(values: Sequence[str], by: int) -> Sequence[str]:
    """The values, each exchanged for another one."""
    start = 1 + by % (len(values) - 1)
    return (*values[start:], *values[:start])


_TURNS = (
    (2, 1, 0, 5, 4, 3, 8, 7, 6),
    (6, 7, 8, 3, 4, 5, 0, 1, 2),
    (6, 3, 0, 7, 4, 1, 8, 5, 2),
)
"""The cell that each one's content comes from: mirrored sideways, upside down, and turned."""


def render(scene: Scene, side: int) -> bytes:
    """Draw a scene as a PNG file, ``side`` pixels wide and high."""
    from PIL import Image

    picture = Image.new("RGB", (side, side), GROUND)
    cell = side // WIDTH
    for i, thing in enumerate(scene):
        if thing is not None:
            picture.paste(_tile(thing, cell), (i % WIDTH * cell, i // WIDTH * cell))
    return to_png(picture)


def read_scene(png: bytes) -> Scene | None:
    """The scene in a picture, from its pixels; None if the picture is not from ``render``.

    Raises:
        ConfigError: for what is no picture at all.
    """
    pixels = np.asarray(open_image(png, "the picture"))
    side = len(pixels)
    if pixels.shape != (side, side, 3) or side % WIDTH:
        return None
    known, cell = _kinds_of(side // WIDTH), side // WIDTH
    found: list[Thing | None] = []
    for row, column in product(range(WIDTH), repeat=2):
        tile = pixels[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
        if (content := tile.tobytes()) not in known:
            return None
        found.append(known[content])
    return tuple(found)


@lru_cache(maxsize=256)
def _tile(thing: Thing, side: int) -> Any:
    """The picture of a cell with a thing in it."""
    from PIL import Image, ImageDraw

    large = side * _FINER
    tile = Image.new("RGB", (large, large), GROUND)
    pen, colour = ImageDraw.Draw(tile), COLOURS[thing.colour]
    margin = round(large * (1 - _SHARES[thing.size]) / 2)
    near, far = margin, large - margin - 1
    if thing.shape == "circle":
        pen.ellipse((near, near, far, far), fill=colour)
    elif thing.shape == "square":
        pen.rectangle((near, near, far, far), fill=colour)
    else:
        pen.polygon([(large / 2, near), (far, far), (near, far)], fill=colour)
    return tile.resize((side, side), Image.Resampling.BOX)


@lru_cache(maxsize=8)
def _kinds_of(side: int) -> Mapping[bytes, Thing | None]:
    """The content of each picture of a cell of that side, by its pixels."""
    tiles: Sequence[Thing] = KINDS
    empty = np.full((side, side, 3), GROUND, dtype=np.uint8).tobytes()
    return {**{_tile(kind, side).tobytes(): kind for kind in tiles}, empty: None}
