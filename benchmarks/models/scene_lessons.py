"""Draw lessons for a student that sees: scenes as pixels, with several questions as tokens.

Scenes belong to the training side of ``shapes``. Within a skill and level, answers are about
equally frequent. Otherwise nearly all scenes would have the same answer to some questions, and the
student would learn to answer without looking.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from teachgym.images import open_image
from teachgym.streams import Streams
from teachgym.tasks.procedural import many_numbers_of, split_of
from teachgym.tasks.scene_questions import FORMS, Question, draw_question
from teachgym.tasks.scenes import KINDS, PLACES, WIDTH, Scene, Thing, describe, draw_scene, render

CELL = 16
"""Side of a cell in pixels; a cell is a patch."""
_TRIES = 4
"""Number of drawn questions, of which the one with the rarest answer so far is taken."""

Encode = Callable[[str], list[int]]
"""A function from a text to its tokens."""


class Asked(NamedTuple):
    """A question as tokens."""

    skill: str
    level: int
    prompt: list[int]
    answer: int
    """Token of the answer."""


class Lesson(NamedTuple):
    """A scene and questions about it."""

    kinds: list[int]
    """Content of each cell: an index of ``tiles``."""
    asked: list[Asked]


@dataclass(frozen=True)
class Syllabus:
    """The skills, levels and scenes of a stage's lessons."""

    skills: Mapping[str, float]
    """Relative frequency of each skill."""
    levels: Sequence[float]
    """Relative frequency of each level."""
    things: tuple[int, int]
    """The fewest and the most things of a scene."""


class Lessons:
    """Draws lessons.

    Args:
        syllabus: skills, levels and scenes.
        encode: encodes prompts and answers; an answer is one token.
        seed: seed of the lessons.
        stage: number of the stage; each has lessons of its own.
    """

    def __init__(self, syllabus: Syllabus, encode: Encode, seed: int, stage: int) -> None:
        self._syllabus, self._encode = syllabus, encode
        streams = Streams(np.random.default_rng([seed, stage]))
        self._numbers = many_numbers_of(streams.of("scenes"))
        self._rng = streams.of("cells")
        self._answered: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)

    def draw(self, n_scenes: int, n_questions: int) -> list[Lesson]:
        """Draw scenes with equally many questions each."""
        return [self._lesson(n_questions) for _ in range(n_scenes)]

    def _lesson(self, n_questions: int) -> Lesson:
        scene, asked = self._scene(), list[Asked]()
        while len(asked) < n_questions:
            skill, level = self._cell()
            if (found := self._question(scene, skill, level)) is not None:
                question, answer = found
                (token,) = self._encode(answer)
                asked.append(Asked(skill, level, self._encode(str(question)), token))
        return Lesson([_NUMBERS[thing] for thing in scene], asked)

    def _scene(self) -> Scene:
        while True:
            scene = draw_scene(self._numbers, *self._syllabus.things)
            if split_of(describe(scene)) == "train":
                return scene

    def _cell(self) -> tuple[str, int]:
        names, levels = list(self._syllabus.skills), np.array(self._syllabus.levels)
        shares = np.array(list(self._syllabus.skills.values()))
        skill = self._rng.choice(len(names), p=shares / shares.sum())
        return names[skill], int(self._rng.choice(len(levels), p=levels / levels.sum()))

    def _question(self, scene: Scene, skill: str, level: int) -> tuple[Question, str] | None:
        """Draw a question whose answer has been rare so far."""
        answered, best = self._answered[skill, level], None
        for _ in range(_TRIES):
            question = draw_question(FORMS[skill], level, scene, self._numbers)
            answer = question and question.answer(scene)
            if not question or not answer:
                continue
            if best is None or answered[answer] < answered[best[1]]:
                best = question, answer
            if answered[best[1]] * len(answered) <= answered.total():
                break
        if best is not None:
            answered[best[1]] += 1
        return best


def tiles() -> torch.Tensor:
    """Return SigLIP's pixels of every kind of thing and of an empty cell, (n, 3, 16, 16)."""
    alone: list[Scene] = [(thing, *[None] * (len(PLACES) - 1)) for thing in _NUMBERS]
    cells = [
        np.asarray(open_image(render(scene, CELL * WIDTH), "a scene"))[:CELL, :CELL]
        for scene in alone
    ]
    pixels = torch.tensor(np.stack(cells)).permute(0, 3, 1, 2)
    return (pixels / 255 - 0.5) / 0.5


def assemble(tiles: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Assemble pictures, (B, 3, 48, 48), from the kinds of things in their cells, (B, 9)."""
    cells = tiles[kinds].view(len(kinds), WIDTH, WIDTH, 3, CELL, CELL)
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def words_of_cells() -> tuple[list[set[str]], list[set[str]]]:
    """Return the words for each kind of thing (none for an empty cell), and for each place."""
    return [set(thing or ()) for thing in _NUMBERS], [set(place.split()) for place in PLACES]


_NUMBERS: Mapping[Thing | None, int] = {thing: i for i, thing in enumerate((*KINDS, None))}
