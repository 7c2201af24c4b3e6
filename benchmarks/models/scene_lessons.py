"""Lessons of a student that sees: scenes, each with several questions, as pixels and tokens.

Scenes belong to the training side of ``shapes``. Of each skill and level, answers come about
equally often, since nearly every scene would answer some questions alike, and a student that is
asked those learns to answer without looking.
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
"""Pixels of a cell in each direction, which is a patch."""
_TRIES = 4
"""Questions that are drawn for one, of which the one with the rarest answer so far is taken."""

Encode = Callable[[str], list[int]]
"""A text to its tokens."""


class Asked(NamedTuple):
    """A question as the student reads it."""

    skill: str
    level: int
    prompt: list[int]
    answer: int
    """One token."""


class Lesson(NamedTuple):
    """A scene and questions about it."""

    kinds: list[int]
    """What is in each cell: an index of ``tiles``."""
    asked: list[Asked]


@dataclass(frozen=True)
class Syllabus:
    """What the lessons of a stage are about."""

    skills: Mapping[str, float]
    """Relative frequency of each skill."""
    levels: Sequence[float]
    """Relative frequency of each level."""
    things: tuple[int, int]
    """The fewest and the most things of a scene."""


class Lessons:
    """Draws lessons.

    Args:
        syllabus: what they are about.
        encode: of prompts and answers, one token for an answer.
        seed: chooses them.
        stage: another one gives other lessons.
    """

    def __init__(self, syllabus: Syllabus, encode: Encode, seed: int, stage: int) -> None:
        self._syllabus, self._encode = syllabus, encode
        streams = Streams(np.random.default_rng([seed, stage]))
        self._numbers = many_numbers_of(streams.of("scenes"))
        self._rng = streams.of("cells")
        self._answered: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)

    def draw(self, n_scenes: int, n_questions: int) -> list[Lesson]:
        """So many scenes with so many questions each."""
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
        """A question with one of the answers that are rare so far."""
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
    """The pictures of all kinds of things and of nothing, as SigLIP reads them, (n, 3, 16, 16)."""
    alone: list[Scene] = [(thing, *[None] * (len(PLACES) - 1)) for thing in _NUMBERS]
    cells = [
        np.asarray(open_image(render(scene, CELL * WIDTH), "a scene"))[:CELL, :CELL]
        for scene in alone
    ]
    pixels = torch.tensor(np.stack(cells)).permute(0, 3, 1, 2)
    return (pixels / 255 - 0.5) / 0.5


def assemble(tiles: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """The pictures, (B, 3, 48, 48), of scenes with these kinds in their cells, (B, 9)."""
    cells = tiles[kinds].view(len(kinds), WIDTH, WIDTH, 3, CELL, CELL)
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def words_of_cells() -> tuple[list[set[str]], list[set[str]]]:
    """The words for each kind of thing (none for nothing), and for each place."""
    return [set(thing or ()) for thing in _NUMBERS], [set(place.split()) for place in PLACES]


_NUMBERS: Mapping[Thing | None, int] = {thing: i for i, thing in enumerate((*KINDS, None))}
