"""Pictures of shapes: answers by hand, two ways to a scene, groups of four, splits, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.evaluation import report_on
from teachgym.gate import Gate
from teachgym.tasks.paired_questions import Place, paired_accuracies
from teachgym.tasks.procedural import numbers_of, split_of
from teachgym.tasks.scene_questions import FORMS, LEVELS, ROOTS, draw_question, parse_question
from teachgym.tasks.scenes import (
    KINDS,
    change,
    describe,
    draw_scene,
    parse_scene,
    read_scene,
    render,
)
from teachgym.tasks.shapes import Shapes
from teachgym.testing import check_task
from teachgym.testing.pictures import draw_png
from teachgym.types import Draft, Example, Prediction, leaf_skills, leaves_by_root

SKILLS = leaf_skills(Shapes.skills)

SCENE = parse_scene(
    """small red circle at the top left, large blue square at the top middle,
    large red triangle at the centre, small green square at the bottom left,
    small blue circle at the bottom right"""
)
"""
    red circle    BLUE SQUARE     .
    .             RED TRIANGLE    .
    green square  .               blue circle      (large ones in capitals)
"""
ANSWERS = {
    "what colour is the centre thing?": ("colour", 0, "red"),
    "what colour is the triangle?": ("colour", 1, "red"),
    "what colour is the thing just right of the top left thing?": ("colour", 2, "blue"),
    "what shape is the bottom left thing?": ("shape", 0, "square"),
    "what shape is the green thing?": ("shape", 1, "square"),
    "what shape is the thing just above the centre thing?": ("shape", 2, "square"),
    "what size is the top middle thing?": ("size", 0, "large"),
    "what size is the blue circle?": ("size", 1, "small"),
    "what size is the thing just left of the top middle thing?": ("size", 2, "small"),
    "how many red things are there?": ("count-colour", 0, "2"),
    "how many red things are there in the left column?": ("count-colour", 1, "1"),
    "how many red things are there in the row of the centre thing?": ("count-colour", 2, "1"),
    "how many squares are there?": ("count-shape", 0, "2"),
    "how many squares are there in the top row?": ("count-shape", 1, "1"),
    "how many squares are there in the column of the top right thing?": ("count-shape", 2, None),
    "how many squares are there in the row of the bottom left thing?": ("count-shape", 2, "1"),
    "how many large things are there?": ("count-size", 0, "2"),
    "is there a yellow thing?": ("exist-colour", 0, "no"),
    "is there a green thing in the column of the top left thing?": ("exist-colour", 2, "yes"),
    "is there a circle in the middle row?": ("exist-shape", 1, "no"),
    "is there a circle in the row of the bottom left thing?": ("exist-shape", 2, "yes"),
    "is there a red square?": ("exist-both", 0, "no"),
    "is there a blue circle in the right column?": ("exist-both", 1, "yes"),
    "are there more blue than green things?": ("more", 0, "yes"),
    "are there more red than blue things?": ("more", 0, "no"),
    "does the centre thing have the colour of the top left thing?": ("same-colour", 0, "yes"),
    "does the small blue circle have the colour of the centre thing?": ("same-colour", 1, "no"),
    "does the triangle have the colour of the top right thing?": ("same-colour", 1, None),
    "does the thing just above the centre thing have the shape of the bottom left thing?": (
        "same-shape",
        2,
        "yes",
    ),
    "is the bottom left thing left of the triangle?": ("side", 0, "yes"),
    "is the green thing right of the red circle?": ("side", 1, "no"),
    "is the centre thing above the green thing?": ("height", 0, "yes"),
    "is the thing just below the top middle thing next to the large square?": ("next", 2, "yes"),
    "is the triangle next to the green thing?": ("next", 1, "no"),
    "is there a yellow thing and a circle?": ("and", 0, "no"),
    "is there a yellow thing or a circle?": ("or", 0, "yes"),
    "is there a triangle that is not red?": ("not", 0, "no"),
    "is there a circle that is not red in the bottom row?": ("not", 1, "yes"),
    "what colour is the top right thing?": ("colour", 0, None),
    "what colour is the circle?": ("colour", 1, None),
    "what colour is the thing just above the top left thing?": ("colour", 2, None),
    "is the triangle next to the triangle?": ("next", 1, None),
}
"""Of questions about the scene; None of those that have no answer."""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    """A small task whose pictures stay where they are for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEACHGYM_CACHE", str(tmp_path_factory.mktemp("cache")))
        return Shapes(val_per_cell=4, test_per_cell=4, train_per_cell=4)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_those_that_a_person_finds(task: Shapes, text: str) -> None:
    skill, level, answer = ANSWERS[text]
    question = parse_question(text)
    assert question is not None
    assert str(question) == text
    assert (question.form.skill, question.level, question.answer(SCENE)) == (skill, level, answer)
    picture = task.store.put(render(SCENE, 48))
    example = Example(text, answer or "yes", skill, images=(picture,))
    assert task.verify(example) == (answer is not None)
    assert task.verify(replace(example, target="9")) == 0


def test_skills_are_in_six_families_and_every_one_has_an_answer_by_hand() -> None:
    assert set(FORMS) == set(SKILLS) == {skill for skill, _, _ in ANSWERS.values()}
    assert leaves_by_root(Shapes.skills).keys() == ROOTS.keys()
    assert [len(leaves) for leaves in leaves_by_root(Shapes.skills).values()] == [3] * 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "what colour?",
        "what colour is the thing?",
        "is there a red?",
        "how many dogs?",
        "how many squares are there in the left row?",
        "is the centre thing left of the top left thing?",
        "does the triangle have the colour of the circle?",
        "how many squares are there in the row of the triangle?",
        "what colour is the thing just right of the triangle?",
    ],
)
def test_other_texts_are_no_questions(task: Shapes, text: str) -> None:
    assert parse_question(text) is None
    assert task.skill_of(text) is None
    assert task.verify(Example(text, "yes", "colour")) == 0


@given(st.integers(0, 2**32), st.sampled_from([24, 48, 96]))
def test_a_scene_comes_back_from_its_words_and_from_its_pixels(seed: int, side: int) -> None:
    numbers = numbers_of(np.random.default_rng(seed))
    scene = change(draw_scene(numbers), numbers)
    assert parse_scene(describe(scene)) == scene
    assert read_scene(render(scene, side)) == scene


def test_another_picture_is_no_scene(task: Shapes) -> None:
    assert read_scene(draw_png((210, 30, 40))) is None
    changed = task.store.put(draw_png((210, 30, 40)))
    assert task.verify(Example("is there a circle?", "no", "exist-shape", images=(changed,))) == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has no things"),
        ("red circle at the top left", "'red circle at the top left' is not a thing of a scene"),
        ("small red circle at the sky", "a place"),
        (f"{describe(SCENE)}, small red circle at the centre", "two things are at the centre"),
    ],
)
def test_a_wrong_description_is_told_with_what_may_be_said(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse_scene(text)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(SKILLS), st.integers(0, LEVELS - 1))
def test_a_question_that_is_drawn_has_its_level_and_does_not_tell_its_answer(
    seed: int, skill: str, level: int
) -> None:
    numbers = numbers_of(np.random.default_rng(seed))
    scene, form = draw_scene(numbers), FORMS[skill]
    question = draw_question(form, level, scene, numbers)
    if question is None:
        return
    answer = question.answer(scene)
    assert answer is not None
    assert parse_question(str(question)) == question
    assert question.level == level
    if form.root == "query":
        assert answer not in str(question).split()


def test_the_task_keeps_its_contract(task: Shapes) -> None:
    check_task(task, samples=5)


def test_items_come_in_groups_in_which_no_blind_answer_is_right_twice(task: Shapes) -> None:
    """Two questions times two pictures; each question has other answers about the two."""
    items = task.examples("val")
    for first in range(0, len(items), 4):
        group = items[first : first + 4]
        assert len({e.prompt for e in group}) == len({e.images for e in group}) == 2
        assert [e.prompt for e in group[:2]] == [e.prompt for e in group[2:]]
        assert group[0].target != group[2].target
        assert group[1].target != group[3].target
        assert group[0].target != group[1].target
    binary = [e.target for e in items if e.target in ("yes", "no")]
    assert Counter(binary)["yes"] == len(binary) / 2


def test_every_picture_belongs_to_the_split_of_its_items(task: Shapes) -> None:
    store = task.store
    for split in ("train", "val", "test"):
        for example in task.examples(split):
            scene = read_scene(store.get(example.images[0]))
            assert scene is not None
            assert split_of(describe(scene)) == split


def test_figures_of_an_answerer_that_sees_one_that_is_blind_and_one_that_says_nothing(
    task: Shapes,
) -> None:
    items = task.examples("test")

    def figures(answer: object) -> list[float]:
        said = [Prediction(e, answer(e), task.grade(e, answer(e))) for e in items]  # type: ignore[operator]
        return [score.mean for score in report_on(task, said, "test").metrics.values()]

    assert figures(lambda e: e.target.upper() + ".") == [1, 1, 1]
    assert figures(lambda e: "") == [0, 0, 0]
    assert figures(lambda e: "yes") == [0, 0, 0]


def test_the_figures_of_a_group_are_those_of_naturalbench() -> None:
    """Of two groups the first is right but for the second question about the second picture.

    Questions: 1 of its 2, pictures: 1 of its 2, group: wrong; the second group has all: 3/4, 3/4
    and 1/2. A fifth item without its group counts in none.
    """
    places = [Place(g, q, p) for g, p, q in product("ab", (0, 1), (0, 1))]
    scores = [1, 1, 1, 0, 1, 1, 1, 1]
    items = {f"{i}": place for i, place in enumerate([*places, Place("c", 0, 0)])}
    said = [
        Prediction(Example("?", "yes", "s", id=name), "", score)
        for name, score in zip(items, [*scores, 1], strict=True)
    ]
    found = paired_accuracies(said, lambda e: items[e.id])
    assert {name: (score.n, score.mean) for name, score in found.items()} == {
        "question_accuracy": (4, 0.75),
        "picture_accuracy": (4, 0.75),
        "group_accuracy": (2, 0.5),
    }


def test_a_teacher_writes_a_scene_and_the_picture_is_drawn_and_answered(
    task: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHGYM_CACHE", str(task.store.folder.parent))
    problem = f"{describe(SCENE)}\nwhat colour is the thing just right of the top left thing?"
    example = task.compose(Draft(problem, "Blue."), "colour", None)
    assert (example.skill, example.target, example.difficulty) == ("colour", "blue", 1.0)
    assert read_scene(task.store.get(example.images[0])) == SCENE
    assert task.verify(example) == 1
    assert Gate(task).inspect([example]).rejected == ()


@pytest.mark.parametrize(
    ("problem", "answer", "fault"),
    [
        (f"{describe(SCENE)}\nwhat colour is the triangle?", "blue", "the picture shows 'red'"),
        (f"{describe(SCENE)}\nwhere is it?", "red", "not a question like those"),
        (f"{describe(SCENE)}\nwhat colour is the circle?", "red", "lacks or has twice"),
        ("what colour is the triangle?", "red", "has no things"),
    ],
)
def test_an_answer_that_the_picture_does_not_show_is_refused(
    task: Shapes, problem: str, answer: str, fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        task.compose(Draft(problem, answer), "colour", None)


@pytest.mark.parametrize("side", [23, 25, 769])
def test_a_picture_has_a_side_of_whole_cells(side: int) -> None:
    with pytest.raises(ConfigError, match="side"):
        Shapes(side=side)


def test_all_things_look_different() -> None:
    for side in (24, 48):
        cells = {render((kind, *[None] * 8), side) for kind in KINDS}
        assert len(cells) == len(KINDS) == 24
