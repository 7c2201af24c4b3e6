"""The gate compares whole questions: the text, its pictures and what was said after it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from teachgym.gate import Gate, GateSettings
from teachgym.images import ImageStore, open_image
from teachgym.tasks.task import TaskWrapper
from teachgym.testing import PictureTask, ToyTask
from teachgym.testing.pictures import draw_png
from teachgym.types import Example, Split, Turn

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
ASKED = Turn("wrong", "no, once more")


class Dialogues(TaskWrapper):
    """``ToyTask``, each item of which has been answered wrong once."""

    def examples(self, split: Split) -> Sequence[Example]:
        return [replace(e, turns=(ASKED,)) for e in self.task.examples(split)]


@pytest.fixture  # of each test: so is the folder with the pictures
def task() -> PictureTask:
    return PictureTask()


def reasons(task: Any, *examples: Example, **settings: Any) -> list[str]:
    return [v.reason for v in Gate(task, GateSettings(**settings)).inspect(examples).rejected]


def picture(red: int) -> str:
    return ImageStore().put(draw_png((red, 0, 0)))


def test_the_same_text_about_another_picture_is_another_question(task: PictureTask) -> None:
    """All items of a skill have one text; 40 of them differ in their pictures alone."""
    train = task.examples("train")
    assert len({e.prompt for e in train}) == 2
    for duplicates in ("reject", "near"):
        assert reasons(task, *train, duplicates=duplicates) == []
        assert reasons(task, train[0], train[0], duplicates=duplicates) == ["duplicate"]


def test_a_held_out_question_has_its_picture(task: PictureTask) -> None:
    item = task.examples("val")[0]
    written = replace(item, id="", source="teacher")
    assert reasons(task, written) == ["overlap"]
    assert reasons(task, replace(written, images=(picture(201),), target="red")) == []
    more = replace(written, images=(*item.images, picture(202)))
    assert reasons(task, more) == ["overlap"], "what is added hides nothing"


def test_a_picture_is_its_pixels_however_its_file_is_packed(task: PictureTask) -> None:
    """Without compression a file has other bytes, so that the item counted as another question."""
    item = task.examples("test")[0]
    image = open_image(ImageStore().get(item.images[0]), "it")
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    copy = ImageStore().put(file.getvalue())
    assert copy not in item.images
    written = replace(item, id="", source="teacher", images=(copy,))
    assert reasons(task, written) == ["overlap"]
    image.putpixel((0, 0), (1, 2, 3))
    file = io.BytesIO()
    image.save(file, "PNG")
    other = replace(written, images=(ImageStore().put(file.getvalue()),))
    assert reasons(task, other, verify=False) == [], "another picture"


def test_words_of_a_held_out_question_may_be_asked_about_another_picture(task: PictureTask) -> None:
    asked = replace(task.examples("val")[0], prompt=f"{LONG}?")

    class Long(TaskWrapper):
        def examples(self, split: Split) -> Sequence[Example]:
            return [asked] if split == "val" else self.task.examples(split)

    new = replace(asked, id="", source="teacher", images=(picture(203),), target="red")
    longer = replace(new, prompt=f"Well, {LONG} or so?")
    assert reasons(Long(task), new, longer, verify=False) == []
    copied = replace(longer, images=asked.images)
    assert reasons(Long(task), copied, verify=False)[0] in ("overlap", "contamination")


@pytest.mark.parametrize(
    ("images", "detail"),
    [
        (("0" * 64,), "cannot be read"),
        (("cat.png",), "64 hex digits"),
        ("0" * 64, "a tuple"),
    ],
)
def test_pictures_are_in_the_store(task: PictureTask, images: Any, detail: str) -> None:
    example = replace(task.examples("train")[0], source="teacher", images=images)
    (verdict,) = Gate(task).inspect([example]).rejected
    assert verdict.reason == "format"
    assert detail in verdict.detail


def test_a_task_without_pictures_takes_none() -> None:
    example = Example("copy: new", "new", "copy", images=(picture(204),))
    (verdict,) = Gate(ToyTask()).inspect([example]).rejected
    assert "the task has no items with images" in verdict.detail


def test_other_turns_make_another_question_and_more_than_the_tasks_are_kept_out() -> None:
    task = Dialogues(ToyTask())
    plain = Example("copy: new", "new", "copy")
    once = replace(plain, turns=(ASKED,))
    assert reasons(task, plain, once, replace(once, turns=(Turn("nwe", "no"),))) == []
    assert reasons(task, once, once) == ["duplicate"]
    assert reasons(task, replace(plain, turns=(ASKED, ASKED))) == ["format"]
    assert reasons(ToyTask(), once) == ["format"], "nobody answers back there"
    assert reasons(task, replace(plain, turns=(Turn("", "no"),))) == ["format"]
    long = replace(plain, turns=(Turn("a", "b" * 99),))
    assert reasons(task, long, max_prompt_chars=98) == ["length"]


def test_a_held_out_question_is_found_in_any_piece_of_a_conversation() -> None:
    toy = ToyTask()
    item = toy.examples("test")[0]
    task = Dialogues(toy)
    plain = Example("copy: new", "new", "copy")
    assert reasons(task, replace(item, id="", source="teacher", turns=(ASKED,))) == ["overlap"]
    for turn in (Turn(item.prompt, "no"), Turn("no", item.prompt)):
        assert reasons(_Open(toy), replace(plain, turns=(turn,))) == ["overlap"]


class _Open(TaskWrapper):
    """``ToyTask``, one of whose training items has a turn, so that conversations are allowed."""

    def examples(self, split: Split) -> Sequence[Example]:
        first, *others = self.task.examples(split)
        return [replace(first, turns=(ASKED,)) if split == "train" else first, *others]
