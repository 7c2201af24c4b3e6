"""How a student learns to see: lessons, what packing computes, stages that are not repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from teachgym.benchmarks.models.embedded import KINDS, TINY_VISION
from teachgym.benchmarks.models.mixtures import HALF, draw_weights
from teachgym.benchmarks.models.pretrain import make_student
from teachgym.benchmarks.models.scene_lessons import (
    Asked,
    Lesson,
    Lessons,
    Syllabus,
    assemble,
    tiles,
)
from teachgym.benchmarks.models.seeing import (
    IMAGE,
    Plan,
    Progress,
    Sight,
    Stage,
    read_lessons,
    teach_to_see,
)
from teachgym.benchmarks.models.tokenizers import make_word_tokenizer
from teachgym.images import ImageStore, open_image, to_png
from teachgym.students import make_student as teachgym_student
from teachgym.students.hf.student import HuggingFaceStudent, Sequences
from teachgym.tasks.procedural import split_of
from teachgym.tasks.scene_questions import FORMS, parse_question
from teachgym.tasks.scenes import KINDS as THINGS
from teachgym.tasks.scenes import Scene, describe, parse_scene, render
from teachgym.tasks.shapes import Shapes
from teachgym.training import make_trainer
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.settings import SEEING_RECIPE

SCENE = parse_scene("small red circle at the top left, large blue square at the centre")
QUESTIONS = {
    "what colour is the top left thing?": "red",
    "how many squares are there?": "1",
    "is there a green thing?": "no",
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    task = Shapes(val_per_cell=4, test_per_cell=4, train_per_cell=4)
    return KINDS[TINY_VISION].tokenizer(task)


def student(tokenizer: Any) -> HuggingFaceStudent:
    made = make_student(KINDS[TINY_VISION], tokenizer, 0)
    assert isinstance(made, HuggingFaceStudent)
    return made


def numbers_of_scene(scene: Scene) -> list[int]:
    return [THINGS.index(thing) if thing else len(THINGS) for thing in scene]


def lesson(tokenizer: Any) -> Lesson:
    asked = [
        Asked("", 0, tokenizer(text)["input_ids"], *tokenizer(answer)["input_ids"])
        for text, answer in QUESTIONS.items()
    ]
    return Lesson(numbers_of_scene(SCENE), asked)


def test_words_signs_and_patches_are_tokens_and_all_else_is_unknown() -> None:
    tokenizer = make_word_tokenizer(["is it red?", "yes"], [IMAGE])
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == [
        *("<pad>", "<eos>", "<unk>", "?", "is", "it", "red", "yes", IMAGE)
    ]
    assert tokenizer("is red? green")["input_ids"] == [4, 6, 3, 2]
    assert tokenizer.decode([4, 6]) == "is red"


def test_pictures_are_put_together_from_their_cells() -> None:
    (pixels,) = assemble(tiles(), torch.tensor([numbers_of_scene(SCENE)]))
    picture = open_image(render(SCENE, 48), "the scene")
    drawn = torch.tensor(list(picture.tobytes())).view(48, 48, 3).permute(2, 0, 1)
    torch.testing.assert_close(pixels, (drawn / 255 - 0.5) / 0.5)


def test_questions_in_one_row_are_answered_as_each_alone(tokenizer: Any) -> None:
    """The same logits as of what the student reads when it is asked, by its own processor."""
    own = student(tokenizer)
    reading = read_lessons(own.model, tiles(), [lesson(tokenizer)] * 2)
    picture = ImageStore().put(to_png(open_image(render(SCENE, 48), "the scene")))
    for i, text in enumerate(QUESTIONS):
        ids = own.texts._ids_of(text, (picture,))  # type: ignore[attr-defined]
        inputs = own.inputs(Sequences([ids], [(picture,)], [len(ids)]), on="right")
        with torch.no_grad():
            alone = own.model(**inputs).logits[0, -1]
        for row in (i, i + len(QUESTIONS)):
            torch.testing.assert_close(reading.answers[row], alone, atol=1e-4, rtol=1e-4)


def test_lessons_are_of_training_scenes_and_answers_are_even(tokenizer: Any) -> None:
    """Half of the answers are yes, where a thing of a colour is in most of such scenes."""
    syllabus = Syllabus({"exist-colour": 3.0, "size": 1.0}, (1.0, 1.0, 0.0), (4, 7))

    def draw() -> list[Lesson]:
        return Lessons(syllabus, lambda t: tokenizer(t)["input_ids"], 0, 1).draw(60, 5)

    drawn = draw()
    assert drawn == draw()
    for scene in drawn:
        things = tuple(None if i == len(THINGS) else THINGS[i] for i in scene.kinds)
        assert split_of(describe(things)) == "train"
        assert 4 <= sum(thing is not None for thing in things) <= 7
        for asked in scene.asked:
            words = tokenizer.convert_ids_to_tokens(asked.prompt)
            question = parse_question(" ".join(words[:-1]) + "?")
            assert question is not None
            assert (question.form.skill, question.level) == (asked.skill, asked.level)
            assert question.answer(things) == tokenizer.decode(asked.answer)
    asked_all = [asked for scene in drawn for asked in scene.asked]
    cells = Counter((a.skill, a.level) for a in asked_all)
    assert set(cells) == {(s, n) for s in ("exist-colour", "size") for n in (0, 1)}
    assert cells["exist-colour", 0] > 1.5 * cells["size", 0]
    found = Counter(tokenizer.decode(a.answer) for a in asked_all if a.skill == "exist-colour")
    assert found["yes"] == pytest.approx(found["no"], rel=0.25)


def test_a_stage_that_was_done_is_not_repeated_and_ends_alike(
    tokenizer: Any, tmp_path: Path
) -> None:
    stages = (Stage(30, (1.0,), (1, 3)), Stage(30, (1.0, 1.0), (2, 4), often=False))
    sight = Sight(KINDS[TINY_VISION].sight.vision, stages, scenes=2, questions=5)  # type: ignore[union-attr]
    weights = {**dict.fromkeys(FORMS, 1.0), "colour": 6.0, "size": 6.0}

    def teach(sight: Sight, **settings: Any) -> tuple[Any, list[Progress]]:
        told: list[Progress] = []
        model = student(tokenizer).model
        plan = Plan(sight, weights, {}, 0)
        teach_to_see(model, tokenizer, plan, tell=told.append, **settings)
        return model.state_dict(), told

    whole, told = teach(sight)
    assert [(p.stage, p.update) for p in told] == [(s, u) for s in (0, 1) for u in range(3)]
    assert {skill for p in told[:3] for skill, _ in p.right} <= {"colour", "size"}
    assert {skill for p in told[3:] for skill, _ in p.right} - {"colour", "size"}
    teach(replace(sight, stages=stages[:1]), kept=tmp_path)
    resumed, rest = teach(sight, kept=tmp_path)
    assert [(p.stage, p.update) for p in rest] == [(1, u) for u in range(3)]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_the_command_writes_a_student_that_sees_and_is_taught_in_three_epochs(
    tmp_path: Path, pretrained: Callable[..., Path]
) -> None:
    folder = pretrained(TINY_VISION, "--examples", "480", "--kept", str(tmp_path), items=4)
    card = json.loads((folder / "card.json").read_text())
    assert (card["examples"], card["task"]) == (480, "shapes-v2")
    assert card["weights"] == draw_weights(list(FORMS), 0, HALF)
    assert sum(stage["questions"] for stage in card["sight"]["stages"]) == 276_000
    assert "A LLaVA" in (folder / "README.md").read_text()
    task = Shapes(val_per_cell=4, test_per_cell=4, train_per_cell=4)
    own = teachgym_student(str(folder), task)
    trainer = make_trainer(own)
    assert isinstance(trainer, HuggingFaceTrainer)
    assert trainer.settings == SEEING_RECIPE
    data = task.examples("train")[:16]
    result = trainer.train(own, data, np.random.default_rng(0))
    assert result.steps == 3
    assert len(own.generate([data[0].question])) == 1


def test_stages_keep_their_proportions() -> None:
    sight = Sight({}, (Stage(30, (1.0,), (1, 3)), Stage(90, (1.0,), (1, 3))))
    assert [stage.questions for stage in sight.of(40).stages] == [10, 30]
