"""BFCL: its files, whole and damaged; an oracle, silence and an answer set of known score."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError, MissingExtraError, TeachgymError
from teachgym.tasks import make_task
from teachgym.testing import check_task
from teachgym.types import SPLITS, Draft, Grade, Prompt
from tests.tasks.answering import answer_key, report_of
from tests.tasks.bfcl_files import AREA, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def make(folder: Path, **settings: Any) -> Any:
    return make_task("bfcl", **{"path": str(folder), "val_per_skill": 1, **settings})


def test_it_keeps_the_contract_on_all_four_categories(folder: Path) -> None:
    task = make(folder)
    check_task(task)
    assert [skill.name for skill in task.skills] == [
        "simple",
        "multiple",
        "parallel",
        "irrelevance",
    ]
    assert {split: len(task.examples(split)) for split in SPLITS} == {
        "train": 4,
        "val": 4,
        "test": 8,
    }


def test_files_of_the_version_before_are_read_and_the_newest_of_several(tmp_path: Path) -> None:
    old = make(write_files(tmp_path, "v3"))
    assert len([e for e in old.examples("val") if e.skill == "simple"]) == 1
    write_files(tmp_path, "v4", count=6)
    assert sum(len(make(tmp_path).examples(split)) for split in SPLITS) == 4 * 6


def test_an_oracle_scores_1_silence_0_and_a_known_answer_set_its_score(tmp_path: Path) -> None:
    """20 items of test, 5 of each category, and one answer to all: the area for base 1.

    It calls the right function in simple and multiple, 10 of 20, and is right where the question
    is about base 1, once at most in each.
    """
    task = make(write_files(tmp_path, count=10))
    for split in SPLITS:
        assert report_of(task, answer_key(task, split), split).accuracy == 1
        assert report_of(task, lambda prompt: "", split).accuracy == 0
    report = report_of(task, lambda prompt: "[shape.area(base=1, height=5)]", "test")
    asked = [e for e in task.examples("test") if "base 1 " in e.prompt]
    assert len(report.predictions) == 20
    assert report.accuracy == pytest.approx(len(asked) / 20)
    assert report.by_part()["functions"].mean == 0.5


def test_no_call_has_to_be_said_unless_silence_is_accepted(folder: Path) -> None:
    for accepts in (False, True):
        task = make(folder, accept_silence=accepts)
        none = next(e for e in task.examples("val") if e.skill == "irrelevance")
        some = next(e for e in task.examples("val") if e.skill == "simple")
        assert none.target == "[]"
        assert task.grade(none, "[]") == Grade(1.0, {"functions": 1.0})
        for response in ("", "`", "```\n```", "[", "]", "None of these functions helps."):
            said = float(accepts)
            assert task.grade(none, response) == Grade(said, {"functions": said})
            assert task.grade(some, response) == Grade(0.0, {"functions": 0.0})
        assert task.grade(none, "[sort_list(items=[])]").score == 0


def test_prompts_show_functions_and_question_and_the_student_sees_no_answer(folder: Path) -> None:
    example = next(e for e in make(folder).examples("val") if e.skill == "simple")
    head, _, rest = example.prompt.partition("Functions:\n")
    lines, _, question = rest.partition("\n\nQuestion:\n")
    assert "answer []" in head
    assert json.loads(lines) == AREA
    assert question.endswith("height 5?\n\nCalls:\n")
    assert example.target.startswith("[shape.area(base=")


def test_some_of_the_categories(folder: Path) -> None:
    task = make(folder, categories=["parallel", "parallel"])
    assert {e.skill for split in SPLITS for e in task.examples(split)} == {"parallel"}
    with pytest.raises(TeachgymError, match="categories is empty"):
        make(folder, categories=[])
    with pytest.raises(TeachgymError, match="'java'"):
        make(folder, categories=["java"])


NAME = "BFCL_v4_multiple.json"
WHERE = rf"{NAME}:2"
GOOD = {"id": "multiple_1", "question": [[{"role": "user", "content": "?"}]], "function": [AREA]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", f"{WHERE} cannot be read as JSON"),
        ("[1]", f"{WHERE} is not an object"),
        ({}, f"{WHERE} has no column 'id'"),
        ({**GOOD, "id": "other"}, f"{WHERE}: there is no possible answer for 'other'"),
        ({**GOOD, "question": "?"}, f"{WHERE}: the question is"),
        ({**GOOD, "question": [[], []]}, f"{WHERE}: the question is"),
        ({**GOOD, "question": [[{"role": "user"}]]}, f"{WHERE}: the question is"),
        ({**GOOD, "question": [[{"content": 3}]]}, f"{WHERE}: the question is"),
        ({**GOOD, "function": []}, f"{WHERE}: functions are"),
        ({**GOOD, "function": [{"name": "f"}]}, f"{WHERE}: a function is"),
        ({**GOOD, "function": [{**AREA, "parameters": {}}]}, f"{WHERE}: a function is"),
        (
            {**GOOD, "function": [{"name": "f", "parameters": {"required": [], "properties": {
                "x": {"type": "number"}}}}]},
            f"{WHERE}: a function is",
        ),
        ({**GOOD, "function": [{**AREA, "name": "other"}]}, f"{WHERE}: a possible answer is"),
    ],
)  # fmt: skip
def test_damaged_questions_are_named_by_file_and_line(folder: Path, row: Any, message: str) -> None:
    path = folder / NAME
    lines = path.read_text().splitlines()
    lines[1] = row if isinstance(row, str) else json.dumps(row)
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=message):
        make(folder)


@pytest.mark.parametrize(
    "answer",
    [3, [3], [{}], [{"shape.area": {"base": []}}], [{"shape.area": {"base": 1}}], [{"f": {}}]],
)
def test_damaged_answers_are_named_by_the_line_of_their_question(folder: Path, answer: Any) -> None:
    path = folder / "possible_answer" / NAME
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({"id": "multiple_1", "ground_truth": answer})
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=rf"{WHERE}: (a|the) possible answer is"):
        make(folder)


def test_missing_files_and_the_missing_package_are_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "possible_answer" / NAME).unlink()
    with pytest.raises(ConfigError, match=NAME):
        make(folder)
    (folder / NAME).unlink()
    with pytest.raises(ConfigError, match=rf"no file such as {NAME}"):
        make(folder)
    monkeypatch.setitem(sys.modules, "bfcl_eval", None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps bfcl-eval"):
        make_task("bfcl")


def test_drafts_become_examples_or_are_refused(folder: Path) -> None:
    task = make(folder)
    problem = f"Functions:\n{json.dumps(AREA)}\n\nQuestion:\nThe area of base 8, height 2?"
    made = task.compose(Draft(problem, "shape.area(base=8, height=2)"), "simple", None)
    assert made.prompt.startswith("Answer the question by calls")
    assert made.target == "[shape.area(base=8, height=2)]"
    assert task.verify(made) == 1
    of_lists = [{"name": "f", "parameters": {"required": [[]], "properties": {"x": {"type": []}}}}]
    for meta in (
        {},
        {"functions": 1, "possible": []},
        {"functions": of_lists, "possible": []},
        {**made.meta, "possible": [1]},
        {**made.meta, "possible": [{"shape.area": {"base": [{"x": 1}]}}]},
        {**made.meta, "possible": [{"shape.area": {"base": [[{"x": 1}]]}}]},
    ):
        assert math.isnan(task.verify(replace(made, meta=meta)))
    assert task.compose(Draft(made.prompt, made.target), "simple", None) == made
    assert task.verify(task.compose(Draft(problem, "shape.area(base=8)"), "simple", None)) == 0
    for draft, message in (
        (Draft("The area?", "shape.area(base=8)"), "are not JSON"),
        (Draft("Functions:\n\n\nQuestion:\nThe area?", "f()"), "needs functions"),
        (Draft(problem, "8"), "needs functions"),
        (Draft(problem.replace("{", "", 1), "f()"), "are not JSON"),
        (Draft(problem, "volume(base=8)"), "not as the data set is"),
    ):
        with pytest.raises(ConfigError, match=message):
            task.compose(draft, "simple", None)


@pytest.mark.skipif(find_spec("bfcl_eval") is None, reason="bfcl-eval is not installed")
def test_the_real_files() -> None:
    """400 + 200 + 200 + 240 items, each right for the oracle and wrong for silence."""
    task = make_task("bfcl")
    reports: list[tuple[float, float, int]] = []

    def silence(prompt: Prompt) -> str:
        return ""

    for split in SPLITS:
        right, wrong = (report_of(task, a, split) for a in (answer_key(task, split), silence))
        reports.append((right.accuracy, wrong.accuracy, len(right.predictions)))
    assert [found[:2] for found in reports] == [(1.0, 0.0)] * 3
    assert sum(n for *_, n in reports) + task.dropped == 1040
