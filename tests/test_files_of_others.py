"""Files and code of others: byte order marks, sizes, doubles, names that look like markup."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from teachgym import records
from teachgym.errors import ConfigError, ConformanceError
from teachgym.records import example_to_json, read_examples
from teachgym.report.figures import figure_to_array, result_figure
from teachgym.report.tables import rich_rows
from teachgym.runs.result import Comparison
from teachgym.skills.skill_file import read_skill_file
from teachgym.students.profile import Profile
from teachgym.tasks.problem_splits import Problem
from teachgym.tasks.question_answer_files import read_splits
from teachgym.testing import TableStudent, ToyTask, check_student, check_task
from teachgym.types import Example, Prompt, Score
from tests.runs.results import result_of
from tests.tasks.dividing import Dividing

MARKS = [b"", b"\xef\xbb\xbf"]


@pytest.mark.parametrize("mark", MARKS)
def test_lines_are_read_with_and_without_a_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    example = Example("1+1=", "2", "add")
    path = tmp_path / "pool.jsonl"
    path.write_bytes(mark + json.dumps(example_to_json(example)).encode() + b"\n\n")
    assert read_examples(path) == (example,)
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_bytes(mark + b'{"question": "a", "answer": "b"}\n')
    assert [row.text("answer") for row in read_splits(str(tmp_path))["train"]] == ["b"]


@pytest.mark.parametrize("read", [read_examples, read_skill_file, Profile.load])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 50_000, b"3", b"{", b'[{"a": 1}]'])
def test_damaged_files_are_refused_in_one_line(read: Any, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert "file.json" in str(caught.value)


def test_a_line_that_is_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_LINE", 1000)
    path = tmp_path / "pool.jsonl"
    path.write_text("\n" + json.dumps({"prompt": "x" * 1000}) + "\n")
    with pytest.raises(ConfigError, match=r"pool.jsonl:2 is longer than 1,000 bytes"):
        read_examples(path)


def test_repeated_items_of_test_are_named() -> None:
    train = [Problem(f"train/{n}", f"one {n}", "s", "k", "c") for n in range(5)]
    test = [Problem(f"test/{n}", f"two {n % 3}", "s", "k", "c") for n in range(4)]
    with pytest.warns(UserWarning, match="2 items of test .*test/0, test/3"):
        Dividing(val_per_cell=1).of(train, test)


@settings(max_examples=10)  # Each draws a figure.
@example("$x_{$")
@example("[/red]")
@example("単語")
@given(st.text(alphabet="$\\_^{}[]<>/&*`#|@%ab", min_size=1, max_size=20))
def test_no_name_is_taken_for_markup(name: str) -> None:
    """Neither matplotlib's formulas nor rich's colours."""
    score = Score(4, 0.5, 0.1)
    exam = Comparison(score, score, score, {name: score}, {name: score})
    figure_to_array(result_figure(result_of(exam, name, curve=(score, score))))
    console = Console(file=StringIO(), width=200)
    console.print(rich_rows([(name, name), (name, name)]))
    assert console.file.getvalue().count(name) == 4


class Dying(ToyTask):
    """Its own code is at fault."""

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        return Example(skill + difficulty, "", skill)  # type: ignore[operator]


def test_an_error_of_a_task_is_said_to_be_its_own() -> None:
    with pytest.raises(ConformanceError, match=r"TypeError in the task's make \(.*others.py:\d+\)"):
        check_task(Dying())


def test_an_error_of_a_student_is_said_to_be_its_own() -> None:
    class Broken(TableStudent):
        def save(self) -> Any:
            return self.weights  # type: ignore[attr-defined]

    with pytest.raises(ConformanceError, match="AttributeError in the student's save"):
        check_student(Broken(), [Prompt("1+1=")])


@pytest.mark.parametrize("lacking", ["val", "test"])
def test_a_skill_that_is_measured_once_only_is_named(lacking: str) -> None:
    class Lopsided(ToyTask):
        def examples(self, split: Any) -> Any:
            found = super().examples(split)
            return found if split != lacking else [e for e in found if e.skill != "double"]

    with pytest.raises(ConformanceError, match="'double'"):
        check_task(Lopsided())
    check_task(Lopsided(), lone=["double"])
