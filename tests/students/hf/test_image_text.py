"""Image-text models of five classes: answers as their own, LoRA, export, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from teachgym.errors import ConfigError, LocalBackendError, MissingExtraError, UnsupportedError
from teachgym.images import ImageStore, draw_plain, to_png
from teachgym.students import make_student
from teachgym.testing import ToyTask, check_student
from teachgym.training import make_trainer
from teachgym.training.datum import encode
from teachgym.types import Example, Prompt, Turn
from tests.students.image_models import CLASSES, save_model

COLOURS = {"red": (214, 48, 49), "green": (38, 158, 84), "blue": (45, 96, 200)}
ASKED = "what colour is it?"
LORA: dict[str, Any] = {"adaptation": "lora", "rank": 4, "dropout": 0.0, "max_new_tokens": 6}
LORA["images"] = True  # which Gemma 3 alone needs

# Of transformers, which makes an array of a tensor.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_model(kind, tmp_path_factory.mktemp(kind)) for kind in CLASSES}


def pictures(side: int = 16) -> tuple[str, ...]:
    return tuple(ImageStore().put(draw_plain(side, colour)) for colour in COLOURS.values())


def load(folder: Path, **settings: Any) -> Any:
    return make_student(str(folder), ToyTask(), **{**LORA, **settings})


def own_answer(folder: Path, text: str, picture: str) -> str:
    """What the model's own ``generate`` answers to what its own processor makes."""
    processor: Any = AutoProcessor.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    image = Image.open(ImageStore().path(picture))
    read = processor(text=[f"{processor.image_token}{text}"], images=[[image]], return_tensors="pt")
    with torch.no_grad():
        ids = model.generate(**read, max_new_tokens=6, do_sample=False, pad_token_id=1)
    said: str = processor.tokenizer.decode(
        ids[0, read["input_ids"].shape[1] :], skip_special_tokens=True
    )
    return said


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", CLASSES)
def test_answers_are_those_of_the_models_own_generate(kind: str, folders: dict[str, Path]) -> None:
    """Each picture alone and all in one batch, beside a longer prompt."""
    student, names = load(folders[kind]), pictures()
    prompts = [Prompt(ASKED, (name,)) for name in names]
    alone = [own_answer(folders[kind], ASKED, name) for name in names]
    longer = Prompt(f"look well: {ASKED}", names[:1])
    assert student.generate([*prompts, longer])[:3] == alone
    assert len(set(alone)) == 3, "the pictures decide"


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", CLASSES)
def test_adapters_are_trained_exported_and_read_again(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    student, names = load(folders[kind]), pictures()
    data = tuple(
        Example(ASKED, colour, "c", images=(name,))
        for colour, name in zip(COLOURS, names, strict=True)
    )
    before = student.save()
    prompts = [e.question for e in data]
    trainer = make_trainer(student, epochs=2, learning_rate=1e-2, batch_size=2)
    result = trainer.train(student, data, np.random.default_rng(0))
    assert result.loss > 0
    assert all(np.isfinite(result.losses))
    after = student.generate(prompts)
    student.export(tmp_path / "adapter")
    again = load(tmp_path / "adapter")
    assert again.generate(prompts) == after
    student.restore(before)
    assert student.generate(prompts) == load(folders[kind]).generate(prompts) != after


def test_a_class_that_can_be_either_is_one_of_text_unless_it_shall_see(
    folders: dict[str, Path],
) -> None:
    student = load(folders["gemma3"], images=False, backend="hf")
    assert student.generate([Prompt(ASKED)]) == load(folders["gemma3"]).generate([Prompt(ASKED)])
    with pytest.raises(UnsupportedError, match="images=True"):
        student.generate([Prompt(ASKED, pictures()[:1])])


@pytest.mark.slow
def test_a_student_learns_to_name_what_it_sees(folders: dict[str, Path]) -> None:
    student, names = load(folders["llava"], adaptation="full"), pictures()
    data = tuple(
        Example(ASKED, colour, "c", images=(name,))
        for colour, name in zip(COLOURS, names, strict=True)
    )
    trainer = make_trainer(student, epochs=60, learning_rate=1e-2, batch_size=3)
    trainer.train(student, data, np.random.default_rng(0))
    assert student.generate([e.question for e in data]) == list(COLOURS)


def test_the_student_keeps_its_contract(folders: dict[str, Path]) -> None:
    names = pictures()
    check_student(
        load(folders["llava"]),
        [Prompt(ASKED, names[:1]), Prompt(ASKED), Prompt("both?", names[:2]), Prompt("a")],
    )


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", ["llava_next", "idefics3"])
def test_pictures_of_several_shapes_are_read_in_passes_of_their_own(
    kind: str, folders: dict[str, Path]
) -> None:
    """A wide picture has other tiles than a square one, and two are more than one."""
    student, square = load(folders[kind]), pictures()[0]
    wide = ImageStore().put(to_png(Image.new("RGB", (40, 16), "red")))
    prompts = [Prompt(ASKED, names) for names in ((square,), (wide,), (square, wide), ())]
    assert student.generate(prompts) == [student.generate([p])[0] for p in prompts]
    data = tuple(Example(p.text, "red", "c", images=p.images) for p in prompts)
    trainer = make_trainer(student, epochs=1, batch_size=4)
    together = trainer.train(student, data, np.random.default_rng(0)).losses
    alone = [-student.logprobs([p], ["red"])[0].mean() for p in prompts]
    np.testing.assert_allclose(together, alone, rtol=0.2)


def test_two_equal_questions_about_two_pictures_are_two_data(folders: dict[str, Path]) -> None:
    student, (red, green, _) = load(folders["llava"]), pictures()
    one, other, same = (
        encode(student.texts, [Example(ASKED, "red", "c", images=(name,))])[0]
        for name in (red, green, red)
    )
    assert one.texts[0].ids == other.texts[0].ids
    assert one.identity != other.identity
    assert one == same


def test_a_template_with_pictures_is_used_and_a_spelled_picture_is_text(
    tmp_path: Path,
) -> None:
    student, names = load(save_model("llava", tmp_path, chat=True)), pictures()
    (ids,) = student.texts.prompts([Prompt("<image> what?", names[:1])], room=6)
    image = student.tokenizer.convert_tokens_to_ids("<image>")
    assert ids.count(image) == 4, "of the one picture"
    said = student.tokenizer.decode([i for i in ids if i != image])
    assert said == "user: < image> what? / assistant: "
    talk = Prompt("what?", names[:1], (Turn("red", "sure?"),))
    (longer,) = student.texts.prompts([talk], room=6)
    assert student.tokenizer.decode(longer).endswith("user: sure? / assistant: ")
    assert sum(student.texts.written(talk)) == len(student.texts.encode(["red"])[0]) + 1


def test_a_picture_is_never_cut(folders: dict[str, Path]) -> None:
    student = load(folders["llava"], context=12)
    with pytest.raises(ConfigError, match="a prompt with 1 pictures has 10 tokens, and 6 fit"):
        student.generate([Prompt(ASKED, pictures()[:1])])


def test_a_missing_or_damaged_picture_is_named(folders: dict[str, Path]) -> None:
    student, name = load(folders["llava"]), pictures()[0]
    ImageStore().path(name).write_bytes(b"")
    for missing in (name, "0" * 64):
        with pytest.raises(ConfigError, match=missing):
            student.generate([Prompt(ASKED, (missing,))])


def test_kept_pictures_stay_within_their_bytes(folders: dict[str, Path]) -> None:
    student, names = load(folders["llava"]), pictures()
    student.texts.most_bytes = 2 * 3 * 16 * 16 * 4
    prompts = [Prompt(ASKED, (name,)) for name in names]
    whole = student.generate(prompts)
    assert len(student.texts._seen) == 2
    assert student.texts._kept == student.texts.most_bytes
    assert student.generate(prompts) == whole


def test_the_other_backends_and_a_missing_extra_are_told(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalBackendError, match="it reads pictures; use student_settings"):
        load(folders["llava"], backend="local")
    monkeypatch.setattr("teachgym.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"teachgym\[vision\]"):
        load(folders["llava"])
