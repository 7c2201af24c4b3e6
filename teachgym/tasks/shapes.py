"""``shapes``: questions about pictures of shapes, in 18 skills, at three levels.

One worked example, skill ``colour`` at the last level: a picture of a small red circle at the top
left and a large blue square at its right, prompt ``what colour is the thing just right of the top
left thing?``, target ``blue``. Nothing is downloaded; pictures are drawn, and their answers found
in them, by ``scenes`` and ``scene_questions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Annotated, NamedTuple
from zlib import crc32

import numpy as np
from annotated_types import Interval

from teachgym.errors import ConfigError
from teachgym.images import ImageStore, require_pillow
from teachgym.settings import checked
from teachgym.tasks.cells import CellTask, Source
from teachgym.tasks.paired_questions import MEMBERS, Place, paired_accuracies
from teachgym.tasks.procedural import Numbers, many_numbers_of, split_of
from teachgym.tasks.question_answers import normalise
from teachgym.tasks.scene_questions import (
    FORMS,
    LEVELS,
    ROOTS,
    Question,
    draw_question,
    parse_question,
)
from teachgym.tasks.scenes import (
    COLOURS,
    PLACES,
    SHAPES,
    SIZES,
    WIDTH,
    Scene,
    change,
    describe,
    draw_scene,
    parse_scene,
    read_scene,
    render,
)
from teachgym.tasks.task import opening_of
from teachgym.types import Brief, Draft, Example, Prediction, Score, Skill, Split

_TRIES = 40
"""Second questions that are tried for two scenes, and first ones, on average, for a scene."""

BRIEF = Brief(
    domain="questions about pictures of shapes",
    problem=(
        "Two lines. The first describes the picture, which is drawn from it: one to nine things "
        f"with commas between them, each a size ({', '.join(SIZES)}), a colour "
        f"({', '.join(COLOURS)}), a shape ({', '.join(SHAPES)}) and a place of its own "
        f"({', '.join(PLACES)}), such as: small red circle at the top left, large blue square at "
        "the centre. The second is the question, in one of the forms of the examples."
    ),
    solution="",
    answer="One word or number, as in the examples.",
)


class Asked(NamedTuple):
    """One of the four ways to ask either of two questions about either of two scenes."""

    first: Scene
    """The first scene, which decides about the group and its split."""
    skill: str
    level: int
    number: int
    """The number of the way among the four, from 0."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class Shapes(CellTask[Asked]):
    """Questions about pictures of shapes on a grid, whose answers follow from the pixels.

    A skill is a form of question, in the six families of CLEVR; a level is how what it is about is
    found: by place, by look, by a hop (``scene_questions``). Items come in groups of four as
    NaturalBench's do: two questions and two pictures, so that each question has different answers
    about the two. The picture decides the split, so none of val or test is ever seen in training.

    Raises:
        MissingExtraError: without pillow.
    """

    name = "shapes-v2"
    skills = (
        *(Skill(root, None, description) for root, description in ROOTS.items()),
        *(Skill(form.skill, form.root, form.description) for form in FORMS.values()),
    )
    levels = tuple(i / (LEVELS - 1) for i in range(LEVELS))
    brief = BRIEF
    together = MEMBERS

    side: Annotated[int, Interval(ge=24, le=768)] = 48
    """Pixels of a picture in each direction, a multiple of 3 in [24, 768]."""
    instruction: str = ""
    """The beginning of every prompt. The embedded student knows how to answer and needs none;
    models of others do, such as ``Answer in one word.``"""

    def __post_init__(self) -> None:
        require_pillow()
        if self.side % WIDTH:
            raise ConfigError(f"side is {self.side}; it must be a multiple of {WIDTH}")
        super().__post_init__()
        self.store = ImageStore()
        self._opening = opening_of(self.instruction)

    def draw(self, skill: str, level: int, numbers: Numbers) -> Asked:
        """Draw the first scene of a group; the rest is found when it is needed."""
        return Asked(draw_scene(numbers), skill, level, numbers(MEMBERS, 1)[0])

    def identity(self, drawn: Asked) -> str:
        """The scene."""
        return describe(drawn.first)

    def members(self, drawn: Asked) -> list[Asked]:
        """All four of the group."""
        return [drawn._replace(number=number) for number in range(MEMBERS)]

    def write(
        self, skill: str, drawn: Asked, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The question about the picture."""
        scenes, questions = group_of(drawn.first, skill, drawn.level)
        scene, question = scenes[drawn.number // 2], questions[drawn.number % 2]
        return self._example(scene, question, id, source, difficulty)

    def grade(self, example: Example, response: str) -> float:
        """1 if the response is the answer, ignoring case and punctuation, else 0."""
        return float(normalise(response) == normalise(example.target))

    def verify(self, example: Example) -> float:
        """1 if the target is what the picture shows; 0 if not, or for another kind of picture."""
        question, scene = self._question(example.prompt), None
        if question is not None and len(example.images) == 1:
            scene = read_scene(self.store.get(example.images[0]))
        answer = question.answer(scene) if question and scene else None
        return float(answer is not None and normalise(answer) == normalise(example.target))

    def describe(self, example: Example) -> str:
        """The scene in the words that ``compose`` reads; empty for another kind of picture."""
        scenes = [read_scene(self.store.get(name)) for name in example.images]
        return "\n".join(describe(scene) for scene in scenes if scene)

    def skill_of(self, prompt: str) -> str | None:
        """The skill, from the form of the question."""
        question = self._question(prompt)
        return question.form.skill if question else None

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        """NaturalBench's shares of questions, pictures and groups that are all right."""
        return paired_accuracies(predictions, _place)

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The picture drawn from its description, with the question about it.

        Raises:
            ConfigError: for a description or a question of another form, or an answer that is not
                what the picture shows.
        """
        described, _, asked = draft.problem.strip().rpartition("\n")
        question, scene = parse_question(asked), parse_scene(described)
        if question is None:
            raise ConfigError(f"{asked!r} is not a question like those of the examples")
        answer = question.answer(scene)
        if answer is None:
            raise ConfigError(f"{asked!r} is about things that the picture lacks or has twice")
        if normalise(answer) != normalise(draft.answer):
            raise ConfigError(f"answer is {draft.answer!r}; the picture shows {answer!r}")
        level = self.levels[question.level]
        return self._example(scene, question, "", "teacher", level)

    def _example(
        self, scene: Scene, question: Question, id: str, source: Source, difficulty: float
    ) -> Example:
        answer = question.answer(scene)
        assert answer is not None
        return Example(
            f"{self._opening}{question}",
            answer,
            question.form.skill,
            id,
            source,
            difficulty,
            images=(self.store.put(render(scene, self.side)),),
        )

    def _question(self, prompt: str) -> Question | None:
        return parse_question(prompt.removeprefix(self._opening))


@lru_cache(maxsize=MEMBERS)
def group_of(
    first: Scene, skill: str, level: int
) -> tuple[tuple[Scene, Scene], tuple[Question, Question]]:
    """Two scenes in the split of ``first``, and two questions with different answers about them.

    ``first`` is one of the scenes, unless no pair of questions is found for it.
    """
    split, form, scene = split_of(describe(first)), FORMS[skill], first
    seed = crc32(f"{describe(first)} {skill} {level}".encode())
    numbers = many_numbers_of(np.random.default_rng(seed))
    while True:
        one = draw_question(form, level, scene, numbers)
        changed = change(scene, numbers)
        if one and _tells_apart(one, scene, changed):
            for _ in range(_TRIES):
                other = draw_question(form, level, scene, numbers)
                if (
                    other is not None
                    and other.answer(scene) != one.answer(scene)
                    and _tells_apart(other, scene, changed)
                    and (moved := _moved(changed, (one, other), split, numbers))
                ):
                    return (scene, moved), (one, other)
        if not numbers(_TRIES, 1)[0]:  # the scene may have no such pair
            scene = next(
                found for _ in count() if split_of(describe(found := draw_scene(numbers))) == split
            )


def _moved(
    scene: Scene, questions: Sequence[Question], split: Split, numbers: Numbers
) -> Scene | None:
    """A scene of a split near another one, in which all questions have the same answers."""
    answers = [question.answer(scene) for question in questions]
    near = scene
    for _ in range(_TRIES):
        if split_of(describe(near)) == split and answers == [q.answer(near) for q in questions]:
            return near
        near = change(scene, numbers)
    return None


def _tells_apart(question: Question, one: Scene, other: Scene) -> bool:
    """Whether a question has different answers about two scenes."""
    answer = question.answer(other)
    return answer is not None and answer != question.answer(one)


def _place(example: Example) -> Place:
    """The number of an item within its group, by its id."""
    cell, _, index = example.id.rpartition("/")
    group, number = divmod(int(index), MEMBERS)
    return Place(f"{cell}/{group}", number % 2, number // 2)
