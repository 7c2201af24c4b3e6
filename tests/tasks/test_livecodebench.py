"""LiveCodeBench: files of every documented form, damaged ones, and answers of known score."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Callable
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError
from teachgym.tasks.livecodebench import NO_SOLUTION, LiveCodeBench, same_output
from teachgym.tasks.livecodebench_rows import unpickled_text
from teachgym.testing import check_task
from tests.sandbox.walls import sandbox_or_skip
from tests.tasks.answering import answer_key, report_of

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
TWICE = (
    "class Solution:\n    def twice(self, xs: List[int], k: int):\n"
    "        return [k * x for x in xs]\n"
)


@pytest.fixture(autouse=True)
def _walls() -> None:
    sandbox_or_skip()


def packed(text: str) -> str:
    """Private tests as code_generation_lite has them."""
    return base64.b64encode(zlib.compress(pickle.dumps(text))).decode()


def plain(text: str) -> str:
    """Private tests as code_generation has them."""
    return text


def row(number: int, pack: Callable[[str], str] = packed, **changed: Any) -> dict[str, Any]:
    """A problem to be solved by a script (even number) or a function (odd)."""
    stdin = number % 2 == 0
    kind = "stdin" if stdin else "functional"
    cases = (
        [("1 2\n", "3\n"), ("5 5\n", "10\n"), ("-1 1", "0")]
        if stdin
        else [("[1, 2]\n3", "[3, 6]"), ("[]\n1", "[]"), ("[4]\n-1", "[-4]")]
    )
    tests = [{"input": i, "output": o, "testtype": kind} for i, o in cases]
    starter = "" if stdin else TWICE.rpartition("\n        ")[0]
    return {
        "question_title": f"Problem {number}",
        "question_content": f"The text of problem {number}.",
        "platform": "atcoder" if stdin else "leetcode",
        "question_id": f"q{number}",
        "contest_id": "c",
        "contest_date": f"2024-0{1 + number % 9}-15T00:00:00",
        "starter_code": starter,
        "difficulty": ("easy", "medium", "hard")[number % 3],
        "public_test_cases": json.dumps(tests[:1]),
        "private_test_cases": pack(json.dumps(tests[1:])),
        "metadata": json.dumps({} if stdin else {"func_name": "twice"}),
        **changed,
    }


def written(path: Path, *rows: dict[str, Any]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(own) + "\n" for own in rows))
    return str(path)


def solution_of(prompt: str) -> str:
    return f"```python\n{TWICE if 'Complete this code' in prompt else SUM}```"


@pytest.mark.parametrize("pack", [packed, plain])
def test_both_generations_of_files_are_read_and_graded(
    tmp_path: Path, pack: Callable[[str], str]
) -> None:
    task = LiveCodeBench(path=written(tmp_path / "test.jsonl", *(row(n, pack) for n in range(8))))
    assert [len(task.examples(s)) for s in ("train", "val", "test")] == [0, 4, 4]
    for split in ("val", "test"):
        assert report_of(task, lambda p: solution_of(p.text), split).accuracy == 1.0
        assert report_of(task, lambda p: "", split).accuracy == 0.0
        assert report_of(task, lambda p: NO_SOLUTION, split).accuracy == 0.0
    assert {e.difficulty for e in task.examples("test")} <= {0.0, 0.5, 1.0}


def test_the_id_of_a_problem_with_another_prompt_is_not_the_problem(tmp_path: Path) -> None:
    task = LiveCodeBench(path=written(tmp_path / "test.jsonl", *(row(n) for n in range(8))))
    (own, *_) = task.examples("val")
    assert task.grade(own, solution_of(own.prompt)).score == 1.0
    assert isnan(task.grade(replace(own, prompt="Print."), solution_of(own.prompt)).score)


def test_parquet_is_read_from_the_folder_of_its_release(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs teachgym[math]")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs teachgym[math]")
    for release, numbers in (("release_v1", range(4)), ("release_v2", range(6))):
        (tmp_path / release).mkdir()
        table = pyarrow.Table.from_pylist([row(n) for n in numbers])
        parquet.write_table(table, tmp_path / release / "test-00000-of-00001.parquet")
    task = LiveCodeBench(path=str(tmp_path), release="release_v2")
    assert sum(len(task.examples(s)) for s in ("val", "test")) == 6


def test_a_release_is_the_files_up_to_its_number(tmp_path: Path) -> None:
    for number, name in enumerate(("test", "test2", "test3")):
        written(tmp_path / f"{name}.jsonl", row(2 * number), row(2 * number + 1))
    for release, count in (("release_v1", 2), ("release_v2", 4), (None, 6)):
        task = LiveCodeBench(path=str(tmp_path), release=release)
        assert sum(len(task.examples(s)) for s in ("val", "test")) == count
    with pytest.raises(ConfigError, match=r"there is no test4\.jsonl"):
        LiveCodeBench(path=str(tmp_path), release="release_v4")
    with pytest.raises(ConfigError, match="release is 'v1'; it must be release_v1"):
        LiveCodeBench(path=str(tmp_path), release="v1")


def test_dates_choose_problems_and_splits(tmp_path: Path) -> None:
    path = written(tmp_path / "test.jsonl", *(row(n) for n in range(9)))  # January to September
    task = LiveCodeBench(path=path, since="2024-02-15", until="2024-08-15", val_from="2024-05-01")
    assert [e.id for e in task.examples("test")] == ["q1", "q2", "q3"]
    assert [e.id for e in task.examples("val")] == ["q4", "q5", "q6"]
    with pytest.raises(ConfigError, match=r"test is empty: 0 problems"):
        LiveCodeBench(path=path, since="2025-01-01")
    with pytest.raises(ConfigError, match="since is 'spring'; it must be a date"):
        LiveCodeBench(path=path, since="spring")


def test_solutions_are_targets(tmp_path: Path) -> None:
    path = written(tmp_path / "test.jsonl", *(row(n) for n in range(4)))
    solutions = [{"question_id": f"q{n}", "code": TWICE if n % 2 else SUM} for n in range(4)]
    task = LiveCodeBench(path=path, solutions=written(tmp_path / "s.jsonl", *solutions))
    assert report_of(task, answer_key(task)).accuracy == 1.0
    check_task(task, samples=4)


def test_answers_of_known_score_and_the_share_of_tests(tmp_path: Path) -> None:
    path = written(tmp_path / "test.jsonl", row(0), row(2))
    task = LiveCodeBench(path=path)
    (example,) = task.examples("test")
    scores = {
        SUM: (1.0, 1.0),
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nsys.exit()": (1.0, 1.0),
        "print(3)": (0.0, 1 / 3),
        "print('3.0' if '2' in input() else 10)": (0.0, 2 / 3),
        "print(3)\nraise ValueError": (0.0, 0.0),
        "print(3); print(4)": (0.0, 0.0),
        "def f(:": (0.0, 0.0),
    }
    grades = task.grade_all([example] * len(scores), list(scores))
    assert [(g.score, pytest.approx(g.parts["tests"])) for g in grades] == list(scores.values())
    assert "instead of '10\\n'" in task.trials([example], ["print(3)"])[0].log  # type: ignore[union-attr]


FORGED = """import sys, os, json, struct
frame = sys._getframe()
while "nonce" not in frame.f_locals:
    frame = frame.f_back
text = json.dumps({"value": 3}).encode()
nonce, said = frame.f_locals["nonce"], frame.f_locals["said"]
os.write(said, nonce + struct.pack("<I", len(text)) + text)
"""


def test_what_a_script_forges_is_an_output_or_wrong(tmp_path: Path) -> None:
    """It says that it printed a number, which is no text and was an error of the grader."""
    task = LiveCodeBench(path=written(tmp_path / "test.jsonl", row(0), row(2)))
    (example,) = task.examples("test")
    assert task.grade(example, FORGED).score == 0.0


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("1\n2\n", " 1 \n2", True),
        ("0.5", "0.50", True),
        ("50000000000000000", "50000000000000001", False),
        ("a 1.0", "a 1", False),
        ("1 2", "1 2 3", False),
        ("1\n\n2", "1\n2", False),
        ("nan", "nan", True),
        ("1", "nan", False),
        ("", "", True),
        ("1", "sNaN", False),
    ],
)
def test_outputs_are_compared_by_lines_and_decimals(expected: str, output: str, same: bool) -> None:
    assert same_output(expected, output) is same


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/escaped"),)


@pytest.mark.parametrize("value", [_Runs(), ["a"], 3, ("a", "b"), b"a", None, {"a": "b"}])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_no_pickle_but_of_a_text_is_read_and_nothing_is_run(value: Any, protocol: int) -> None:
    with pytest.raises(ValueError, match="pickle"):
        unpickled_text(pickle.dumps(value, protocol))
    assert unpickled_text(pickle.dumps("[é]", protocol)) == "[é]"
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"private_test_cases": "?"}, "is neither JSON nor packed JSON"),
        ({"private_test_cases": packed("[]")[:-8]}, "private_test_cases is"),
        ({"private_test_cases": base64.b64encode(b"xyz").decode()}, "neither JSON nor packed"),
        ({"private_test_cases": packed("{")}, "private_test_cases is not JSON"),
        ({"private_test_cases": "[1]"}, "a test is 1; it has input and output"),
        ({"private_test_cases": "{}"}, "they must be a list"),
        ({"public_test_cases": "[]", "private_test_cases": "[]"}, "has no tests"),
        ({"metadata": "{"}, "metadata is not JSON"),
        ({"difficulty": "odd"}, "difficulty is 'odd'"),
        ({"contest_date": "soon"}, "contest_date is 'soon'"),
        ({"question_content": None}, "'question_content' is None"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "test.jsonl", row(0), row(1, **changed))
    with pytest.raises(ConfigError, match=message) as error:
        LiveCodeBench(path=path)
    assert "test.jsonl:2" in str(error.value)


def test_a_file_without_a_column_and_one_without_rows_are_refused(tmp_path: Path) -> None:
    lacking = row(1)
    del lacking["starter_code"]
    with pytest.raises(ConfigError, match="has no column 'starter_code'"):
        LiveCodeBench(path=written(tmp_path / "test.jsonl", row(0), lacking))
    with pytest.raises(ConfigError, match="no rows of LiveCodeBench"):
        LiveCodeBench(path=written(tmp_path / "none.jsonl"))
