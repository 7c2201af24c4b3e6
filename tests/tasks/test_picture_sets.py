"""Real sets of questions about pictures, from files: their splits, grades and bad pictures."""

from __future__ import annotations

import json
import pickle
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from teachgym.errors import ConfigError, MissingExtraError
from teachgym.evaluation import report_on
from teachgym.images import ImageStore, draw_plain, open_image
from teachgym.protocols import Task
from teachgym.tasks import make_task
from teachgym.tasks.easy_vqa import EasyVqa, kind_of
from teachgym.tasks.gqa import Gqa
from teachgym.tasks.natural_bench import NaturalBench, grade_first
from teachgym.testing import check_task
from teachgym.types import SPLITS, Prediction, score_of

COLOURS = {"red": (214, 48, 49), "green": (38, 158, 84), "blue": (45, 96, 200)}


def pictures(folder: Path, count: int) -> Path:
    """So many pictures of different colours: ``0.jpg``, ``1.jpg``, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (6, 4), (10 * i, 255 - 10 * i, 128)).save(folder / f"{i}.jpg")
    return folder


def answered(task: Task, answer: Any) -> dict[str, float]:
    """Accuracy and metrics on test of whoever gives this answer to each example."""
    said = []
    for example in task.examples("test"):
        response = answer(example)
        said.append(Prediction(example, response, score_of(task.grade(example, response))))
    report = report_on(task, said, "test")
    metrics = {name: score.mean for name, score in report.metrics.items()}
    return {"accuracy": report.accuracy, **metrics}


# -- gqa -------------------------------------------------------------------------------------


def gqa_files(folder: Path, *, official: bool) -> dict[str, Any]:
    """Twelve questions of two types; the official form is an object of rows by id."""
    images = pictures(folder / "images", 12)
    rows = [
        {
            "question": "What colour is it?" if i % 2 else "Is it red?",
            "answer": "red" if i % 2 else "yes",
            "imageId": str(i),
            "types": {"structural": "query" if i % 2 else "verify"},
        }
        for i in range(12)
    ]
    paths = {}
    for split, own in (("train", rows[:8]), ("test", rows[8:])):
        paths[split] = str(folder / f"{split}.json")
        content: Any = {f"0{i}": row for i, row in enumerate(own)} if official else own
        Path(paths[split]).write_text(json.dumps(content))
    return {"path": paths, "images": str(images)}


@pytest.mark.parametrize("official", [True, False])
def test_gqa_is_read_in_both_forms_with_types_as_skills(tmp_path: Path, official: bool) -> None:
    task = Gqa(**gqa_files(tmp_path, official=official), val_per_skill=1)
    check_task(task)
    assert [len(task.examples(s)) for s in ("train", "val", "test")] == [6, 2, 4]
    assert [s.name for s in task.skills] == ["query", "verify"]
    first = task.examples("test")[0]
    assert first.prompt.endswith("\n\nIs it red?")
    assert open_image(ImageStore().get(first.images[0]), "it").size == (6, 4)
    assert answered(task, lambda e: f"{e.target.title()}.")["accuracy"] == 1
    assert answered(task, lambda e: "")["accuracy"] == 0
    grade = task.grade(first, "Yes.")
    assert (score_of(grade), grade.parts["exact"]) == (1, 0)  # type: ignore[union-attr]


def test_no_picture_of_gqa_is_in_two_splits(tmp_path: Path) -> None:
    """Of each skill one item of val, both about the same of four pictures; 3 x 2 are left."""
    images = pictures(tmp_path / "images", 6)
    for split, own in (("train", range(4)), ("test", (4, 5))):
        rows = [
            {"question": f"{kind}?", "answer": "yes", "imageId": str(i), "question_type": kind}
            for i, kind in product(own, ("query", "verify"))
        ]
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    task = Gqa(path=str(tmp_path), images=str(images), val_per_skill=1)
    shown = {split: {e.images for e in task.examples(split)} for split in SPLITS}
    assert {split: len(found) for split, found in shown.items()} == {
        "train": 3,
        "val": 1,
        "test": 2,
    }
    assert len(set.union(*shown.values())) == 6
    assert task.name == "gqa-v1-val1-seed0-limit2000"


def test_a_task_of_pictures_can_be_sent_to_another_process(tmp_path: Path) -> None:
    task = Gqa(**gqa_files(tmp_path, official=False), val_per_skill=1)
    sent = pickle.loads(pickle.dumps(task))
    assert sent.examples("test") == task.examples("test")
    assert answered(sent, lambda e: e.target)["accuracy"] == 1


def test_pictures_inside_a_table_are_read_as_datasets_writes_them(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    rows = [
        {"question": f"What is {i}?", "answer": name, "image": {"bytes": png, "path": None}}
        for i, (name, png) in enumerate((n, draw_plain(5, c)) for n, c in COLOURS.items())
    ]
    for split, own in (("train", rows[:2]), ("test", rows[2:])):
        parquet.write_table(arrow.Table.from_pylist(own), tmp_path / f"{split}.parquet")
    task = Gqa(path=str(tmp_path), val_per_skill=1)
    (item,) = task.examples("test")
    picture = open_image(ImageStore().get(item.images[0]), "it")
    assert picture.getpixel((0, 0)) == COLOURS["blue"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.unlink(), r"9\.jpg cannot be read: No such file"),
        (lambda path: path.write_bytes(b"GIF"), r"9\.jpg is not a readable picture"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:200]),
            r"9\.jpg is not a readable picture",
        ),
    ],
)
def test_a_bad_picture_of_a_set_is_named(tmp_path: Path, spoil: Any, fault: str) -> None:
    settings = gqa_files(tmp_path, official=False)
    spoil(tmp_path / "images" / "9.jpg")
    with pytest.raises(ConfigError, match=fault):
        Gqa(**settings, val_per_skill=1)


def test_a_row_without_a_picture_and_a_folder_that_is_not_there_are_named(tmp_path: Path) -> None:
    settings = gqa_files(tmp_path, official=False)
    with pytest.raises(ConfigError, match="there is no folder"):
        Gqa(**{**settings, "images": str(tmp_path / "nowhere")})
    rows = [{"question": "a", "answer": "b", "image": [1]}]
    Path(settings["path"]["train"]).write_text(json.dumps(rows))
    with pytest.raises(ConfigError, match="it must be a picture or its path"):
        Gqa(**settings)


# -- naturalbench ----------------------------------------------------------------------------


def bench_row(number: int, kind: str = "yes_no") -> dict[str, Any]:
    """Question 0 is right of picture 0 alone, question 1 of picture 1 alone."""
    yes, no = ("Yes", "No") if kind == "yes_no" else ("A", "B")
    return {
        "Question_0": f"Is {number} here?",
        "Question_1": f"Is {number} there?",
        "Image_0": f"{2 * number}.jpg",
        "Image_1": f"{2 * number + 1}.jpg",
        "Image_0_Question_0": yes,
        "Image_1_Question_0": no,
        "Image_0_Question_1": no,
        "Image_1_Question_1": yes,
        "Question_Type": kind,
    }


def bench(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> NaturalBench:
    images = pictures(folder / "images", 2 * len(rows))
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    whole = {"val_groups": 1, "test_groups": 2, **settings}
    return NaturalBench(path=str(folder / "rows.jsonl"), images=str(images), **whole)


@pytest.mark.parametrize("kind", ["yes_no", "multiple_choice"])
def test_naturalbench_has_whole_groups_and_its_four_accuracies(tmp_path: Path, kind: str) -> None:
    """Always yes: half of the answers, no question, no picture and no group."""
    task = bench(tmp_path, [bench_row(i, kind) for i in range(5)])
    check_task(task)
    assert [len(task.examples(s)) for s in ("train", "val", "test")] == [8, 4, 8]
    names = ("accuracy", "question_accuracy", "picture_accuracy", "group_accuracy")
    seeing = answered(task, lambda e: f"{e.target}, I think")
    blind = answered(task, lambda e: "Yes." if e.skill == "yes_no" else "A")
    assert [seeing[name] for name in names] == [1, 1, 1, 1]
    assert [blind[name] for name in names] == [0.5, 0, 0, 0]


def test_an_answer_without_an_answer_word_is_wrong_and_never_no(tmp_path: Path) -> None:
    """Right about all that is yes: half of the answers, and neither a question nor a picture."""
    task = bench(tmp_path, [bench_row(i) for i in range(4)])
    unsure = answered(task, lambda e: "yes" if e.target == "Yes" else "I cannot tell.")
    assert unsure == {
        "accuracy": 0.5,
        "question_accuracy": 0,
        "picture_accuracy": 0,
        "group_accuracy": 0,
    }


def test_one_wrong_answer_of_four_leaves_one_question_and_one_picture(tmp_path: Path) -> None:
    task = bench(tmp_path, [bench_row(i) for i in range(3)], test_groups=1)
    wrong = task.examples("test")[3]
    found = answered(task, lambda e: "maybe" if e == wrong else e.target)
    assert found == {
        "accuracy": 0.75,
        "question_accuracy": 0.5,
        "picture_accuracy": 0.5,
        "group_accuracy": 0,
    }


@pytest.mark.parametrize(
    ("target", "said", "score"),
    [
        ("Yes", "yes", 1),
        ("Yes", "Well, yes; no doubt.", 1),
        ("No", "Yes and no", 0),
        ("No", "", 0),
        ("No", "nothing", 0),
        ("No", "I know", 0),
        ("A", "A", 1),
        ("A", "(A) a dog", 1),
        ("A", "a dog", 0),
        ("B", "Option B, not A", 1),
    ],
)
def test_the_first_answer_word_counts(target: str, said: str, score: int) -> None:
    assert grade_first(target, said) == score


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"Question_Type": "essay"}, "must be one of yes_no, multiple_choice"),
        ({"Image_0_Question_0": "perhaps"}, "'perhaps' is not an answer to a yes_no question"),
    ],
)
def test_a_row_of_another_form_is_named(tmp_path: Path, change: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigError, match=rf"rows\.jsonl:1.*{fault}"):
        bench(tmp_path, [{**bench_row(0), **change}, bench_row(1)])


def test_too_few_groups_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there are 3 groups; .* need 4 or more"):
        bench(tmp_path, [bench_row(i) for i in range(3)])


# -- easy-vqa --------------------------------------------------------------------------------


def easy_package(folder: Path) -> Path:
    """A folder like the package: a question of each kind about each picture."""
    questions = (
        ("what is the {} shape?", "circle"),
        ("what color is the shape?", "{}"),
        ("is there a circle?", "yes"),
        ("is there not a circle?", "no"),
        ("does the image contain a {} shape?", "yes"),
        ("is no {} shape present?", "no"),
    )
    for split, first, count in (("train", 0, 3), ("test", 3, 2)):
        images = folder / "data" / split / "images"
        images.mkdir(parents=True)
        rows = []
        for i, (question, answer) in product(range(count), questions):
            name = list(COLOURS)[(first + i) % 3]
            Image.new("RGB", (8, 8), (i + 40 * first, 9, 9)).save(images / f"{i}.png")
            rows.append([question.format(name), answer.format(name), i])
        (images.parent / "questions.json").write_text(json.dumps(rows))
    return folder


def test_easy_vqa_is_read_from_the_folder_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = easy_package(tmp_path)
    found = SimpleNamespace(submodule_search_locations=[str(package)])
    monkeypatch.setattr("teachgym.tasks.question_answer_files.find_spec", lambda name: found)
    task = EasyVqa(val_per_skill=1)
    check_task(task)
    assert [len(task.examples(s)) for s in ("train", "val", "test")] == [12, 6, 12]
    assert {e.images for e in task.examples("val")}.isdisjoint(
        e.images for e in task.examples("train")
    )
    assert answered(task, lambda e: e.target.upper())["accuracy"] == 1
    assert answered(task, lambda e: "yes")["accuracy"] == pytest.approx(2 / 6)


def test_kinds_of_questions_are_told_apart_by_their_words() -> None:
    kinds = {
        "what shape is present?": "shape",
        "what is the teal shape?": "shape",
        "what is the color of the shape?": "colour",
        "what color is the triangle?": "colour",
        "is a circle present?": "is-shape",
        "is no circle present?": "is-not-shape",
        "is there a red shape in the image?": "is-colour",
        "does the image not contain a red shape?": "is-not-colour",
    }
    assert {text: kind_of(text) for text in kinds} == kinds


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teachgym.tasks.question_answer_files.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps easy-vqa"):
        make_task("easy-vqa")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("easy_vqa") is None, reason="easy-vqa is not installed")
def test_the_whole_of_easy_vqa_has_its_known_scores() -> None:
    """Of 9,673 questions of test 3,611 are answered by yes and 3,525 by no."""
    task = EasyVqa(limit=None)
    test = task.examples("test")
    assert (len(test), len({e.images for e in test})) == (9673, 1000)
    assert {e.target for e in test} == {*["yes", "no", "circle", "rectangle", "triangle"], *SHADES}
    assert answered(task, lambda e: e.target)["accuracy"] == 1
    assert answered(task, lambda e: "")["accuracy"] == 0
    assert answered(task, lambda e: "yes")["accuracy"] == pytest.approx(3611 / 9673)
    assert answered(task, lambda e: "no")["accuracy"] == pytest.approx(3525 / 9673)


SHADES = ("red", "green", "blue", "gray", "teal", "black", "yellow", "brown")
