"""``PictureTask``: questions about plain pictures, and a student that looks at them.

One worked example: the prompt ``name:`` with one picture whose pixels are all (210, 30, 40), of
skill ``name``, has the target ``red``.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from functools import partial

import numpy as np

from teachgym.errors import UnknownSkillError, unknown
from teachgym.images import ImageStore
from teachgym.tasks.procedural import draw_distinct, draw_in_split, item_rng
from teachgym.tasks.task import ListedTask
from teachgym.testing.fakes import TableStudent
from teachgym.types import Example, Prompt, Skill, Split

SIDE = 8
"""Pixels of a picture in each direction."""

_COLOURS = ("red", "green", "blue")
_PROMPTS = {"name": "name:", "same": "same colour?"}

Colour = tuple[int, int, int]


def draw_png(colour: Colour) -> bytes:
    """A picture of one colour, red, green and blue in 0 to 255, as a PNG file."""
    row = b"\0" + bytes(colour) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits, three channels
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(row * SIDE, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def read_png(png: bytes) -> Colour:
    """The colour of what ``draw_png`` has drawn."""
    start = png.index(b"IDAT") + 4
    length = int.from_bytes(png[start - 8 : start - 4])
    red, green, blue = zlib.decompress(png[start : start + length])[1:4]
    return red, green, blue


def solve_picture(prompt: Prompt, store: ImageStore) -> str:
    """The right answer, read from the pixels: the strongest channel, or whether it is the same."""
    names = [_COLOURS[int(np.argmax(read_png(store.get(name))))] for name in prompt.images]
    if prompt.text == _PROMPTS["name"]:
        return names[0]
    return "yes" if names[0] == names[1] else "no"


class PictureTask(ListedTask):
    """Two skills: to name the colour of a picture, and to say whether two have the same.

    All items of a skill have one text; only their pictures differ. The training pool is four times
    as large as the other splits.

    Args:
        per_cell: items of each skill on val, and on test, >= 1.
        seed: of the items, >= 0.
    """

    name = "pictures-v0"
    skills = (Skill("name", description="Name a colour."), Skill("same", description="Compare."))

    def __init__(self, *, per_cell: int = 5, seed: int = 0) -> None:
        self._store = ImageStore()
        counts: dict[Split, int] = {"train": 4 * per_cell, "val": per_cell, "test": per_cell}
        self._examples = {split: self._fill(split, n, seed) for split, n in counts.items()}

    def grade(self, example: Example, response: str) -> float:
        """1 for exactly the target, else 0."""
        return float(response == example.target)

    def verify(self, example: Example) -> float:
        """1 if the target is what the pictures show, else 0."""
        return float(solve_picture(example.question, self._store) == example.target)

    def skill_of(self, prompt: str) -> str | None:
        """The skill with this text."""
        return next((skill for skill, text in _PROMPTS.items() if text == prompt), None)

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """A training example."""
        if skill not in _PROMPTS:
            raise UnknownSkillError(unknown("leaf skill", skill, _PROMPTS))
        return draw_in_split(lambda: self._draw(skill, rng), "train")

    def _fill(self, split: Split, per_cell: int, seed: int) -> tuple[Example, ...]:
        rng = item_rng(seed, split)
        found = [
            example
            for skill in _PROMPTS
            for example in draw_distinct(partial(self._draw, skill, rng), split, per_cell)
        ]
        return tuple(replace(e, id=f"{split}/{i}", source="task") for i, e in enumerate(found))

    def _draw(self, skill: str, rng: np.random.Generator) -> Example:
        images = tuple(self._picture(rng) for _ in range(1 + (skill == "same")))
        question = Prompt(_PROMPTS[skill], images)
        target = solve_picture(question, self._store)
        return Example(question.text, target, skill, difficulty=0.0, images=images)

    def _picture(self, rng: np.random.Generator) -> str:
        channels = rng.integers(100, size=len(_COLOURS))
        channels[rng.integers(len(_COLOURS))] += 150
        red, green, blue = channels.tolist()
        return self._store.put(draw_png((red, green, blue)))


class PictureStudent(TableStudent):
    """Knows a share of each skill of ``PictureTask``, and looks at the pictures for its answers."""

    skills = ("name", "same")

    def __init__(self, *, half: float = 20.0) -> None:
        super().__init__(half=half)
        self._store = ImageStore()

    def skill_of(self, prompt: Prompt) -> str:
        """The skill with this text."""
        return next((skill for skill, text in _PROMPTS.items() if text == prompt.text), "")

    def solve(self, prompt: Prompt) -> str:
        """The answer that the pictures show."""
        return solve_picture(prompt, self._store)
