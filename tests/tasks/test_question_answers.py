"""Tasks from files of questions and answers: columns, splits, grading, contract, and a run."""

from __future__ import annotations

import csv
import json
import math
import re
import string
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.errors import ConfigError
from teachgym.loop import run_episode
from teachgym.tasks import make_task
from teachgym.tasks.question_answers import normalise
from teachgym.testing import check_task

ROWS = [
    {"q": f"What is {n} plus {n}?", "a": str(2 * n), "topic": ("small", "large")[n > 50]}
    for n in range(100)
]
COLUMNS = {"question": "q", "answer": "a", "skill": "topic"}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_file_becomes_a_task_that_keeps_the_contract(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"sums{suffix}", ROWS)
    task = make_task("qa", path=str(path), **COLUMNS, grading="numeric")
    check_task(task)
    sizes = {split: len(task.examples(split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 40, "val": 40, "test": 20}
    assert [skill.name for skill in task.skills] == ["large", "small"]
    assert task.name == "qa-v0-sums-val20-seed0"


def test_a_test_split_of_its_own_is_test_whole(tmp_path: Path) -> None:
    train, test = write(tmp_path / "a.jsonl", ROWS[:60]), write(tmp_path / "b.jsonl", ROWS[60:])
    task = make_task("qa", path={"train": str(train), "test": str(test)}, **COLUMNS)
    assert [e.target for e in task.examples("test")] == [row["a"] for row in ROWS[60:]]


@pytest.mark.parametrize(
    ("grading", "target", "response", "score"),
    [
        ("exact", "Paris", " Paris\n", 1),
        ("exact", "Paris", "paris", 0),
        ("normalised", "the Eiffel Tower", "Eiffel tower.", 1),
        ("normalised", "Paris", "Paris, France", 0),
        ("numeric", "1,000", "It is 1000.0", 1),
        ("numeric", "-3", "3", 0),
        ("numeric", "3", "I do not know", 0),
        ("numeric", "three", "3", math.nan),
        # A number of JSON, such as 0.00001, is a target with an exponent.
        ("numeric", "1e-05", "It is 0.00001.", 1),
        ("numeric", "1e-05", "7e-05", 0),
        ("numeric", "1.5e3", "1,500", 1),
        ("numeric", "6.67e-11", "6.67e-11", 1),
        ("numeric", "6.67e-11", "0", 0),
        ("numeric", "6.67e-11", "6.7e-11", 0),
        ("numeric", "1e400", "1e400", 1),
        ("numeric", "7" * 70, "7" * 70, 1),
        ("numeric", "0", "0.0000001", 1),
        ("numeric", "\uff13\u0663", "33", 1),
        ("numeric", "-5", "\u22125", 1),
        ("numeric", "5 m\xb2", "5", 1),
        # Letters of choices are articles, too.
        ("normalised", "A", "", 0),
        ("normalised", "A", "The", 0),
        ("normalised", "A", "a.", 1),
        ("normalised", "?", "!", 0),
        ("normalised", "!", "!", 1),
        ("math", r"\frac{1}{2}", r"so \boxed{0.5}", 1),
        ("exact", "Paris", "Paris\n\nQuestion:\nWhat else?", 1),
    ],
)
def test_answers_are_graded_as_was_chosen(
    tmp_path: Path, grading: str, target: str, response: str, score: float
) -> None:
    rows = [{"question": f"{n}?", "answer": target} for n in range(9)]
    path = write(tmp_path / "a.jsonl", rows)
    task = make_task("qa", path=str(path), grading=grading, val_per_skill=2)
    (example, *_) = task.examples("val")
    assert task.grade(example, response) == pytest.approx(score, nan_ok=True)


def test_words_are_compared_without_case_punctuation_and_articles() -> None:
    assert normalise("An  Öl-Bild; the") == "ölbild"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("-5", "5"), ("3.5", "35"), (".5", "5"), ("-.5", "5"), ("1/2", "12"), ("2:30", "230")),
        *(
            ("1,5", "15"),
            ("5-10", "510"),
            ("5\u201310", "510"),
            ("1.000", "1000"),
            ("1.2.3", "123"),
        ),
        *(("10%", "10"), ("10 %", "10"), ("C#", "C"), ("C++", "C"), ("C#", "C++"), ("A#", "A")),
        *(("5\xb2", "52"), ("5\xbd", "51/2"), ("\xbd", "12"), ("$5", "5"), ("9/11", "911")),
        *(("-5 and 3", "5 and -3"), ("(-5)", "(5)"), ("3.50", "350"), ("5.-", "5-1")),
    ],
)
def test_marks_that_make_another_number_or_name_are_read(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("(3.5)", "3.5"), ("3.5.", "3.5"), ("1,234", "1234"), ("10,00,000", "1000000")),
        *(("-1,234.5", "-1234.5"), ("\u22125", "-5"), ("'-5'", "-5"), ("5\u20134", "5-4")),
        *(("10 %", "10%"), ("10%.", "10%"), ("\xbd", "1/2"), ("5\xbd", "5 1/2"), ("m\xb2", "m2")),
        *(("F-16", "F16"), ("3-D", "3D"), ("U.S.", "US"), ("a.m.", "AM"), ("AC/DC", "ACDC")),
        *(("#1", "1"), ("- 5", "5"), ("July 4, 1776", "July 4 1776"), ("No. 5", "No 5")),
        *(("$1,000.50.", "$1000.50"), ("1990's", "1990s"), ("a -- b.", "b"), ("C#.", "the C#")),
    ],
)
def test_other_marks_are_not_read(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@given(st.text("abcden thTHE0159-./:,%#+$'\xb2\xbd\u2013\u2212"))
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text("abthexyz ANTHE-./:,;!?'()[]&_\"@\\"))
def test_words_without_figures_are_compared_as_by_squad(text: str) -> None:
    """The steps of its script: lower case, no punctuation, no articles, single spaces."""
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    squad = " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())
    assert normalise(text) == squad or not squad


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"question": "x"}, "has no column 'x'; it has q, a, topic"),
        ({"test_share": 0.0}, "test is empty"),
        ({"grading": "exactly"}, "Did you mean 'exact'"),
        ({"path": "nowhere.jsonl"}, "there is no folder 'nowhere.jsonl'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "sums.jsonl", ROWS)
    with pytest.raises(ConfigError, match=said):
        make_task("qa", **{"path": str(path), **COLUMNS, **settings})


def test_a_line_of_a_csv_with_too_few_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nwhy?,so\nhow?\n")
    with pytest.raises(ConfigError, match=r"a.csv:3 does not have 2 values"):
        make_task("qa", path=str(tmp_path / "a.csv"))


def test_rows_of_a_csv_end_at_line_breaks_alone(tmp_path: Path) -> None:
    """Writers of CSV put no quotes around U+2028 and other breaks that are no ends of lines."""
    odd = "so\u2028and\x85on\x0cand on"
    rows = [{"question": f"{n}{odd}?", "answer": f"{odd}\n{n}"} for n in range(9)]
    for end in ("\r\n", "\n"):
        with (tmp_path / "a.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator=end)
            writer.writeheader()
            writer.writerows(rows)
        task = make_task("qa", path=str(tmp_path / "a.csv"), val_per_skill=2)
        targets = {e.target for split in ("train", "val", "test") for e in task.examples(split)}
        assert targets == {row["answer"] for row in rows}


def test_a_student_is_taught_from_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "sums.csv", ROWS)
    env = gym.make(
        "teachgym/SkillList-v0",
        task="qa",
        task_settings={"path": str(path), **COLUMNS},
        engine="pool",
        student="simulated",
        budget={"steps": 2, "examples": 40},
        examples_per_step=20,
    )
    episode = run_episode(env, make_teacher("uniform", env), seed=0)
    assert episode.transitions[0].info["cost"].examples == 20


def test_columns_are_kept_in_meta_where_the_student_does_not_see_them(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answer": "so", "tests": [n, {"x": None}]} for n in range(40)]
    path = write(tmp_path / "a.jsonl", rows)
    task = make_task("qa", path=str(path), meta=["tests"], val_per_skill=5)
    check_task(task)
    for example in task.examples("val"):
        number = int(example.prompt.split("?")[0].split()[-1])
        assert example.meta == {"tests": (number, {"x": None})}
        assert "tests" not in example.prompt
    with pytest.raises(ConfigError, match=r"a.jsonl:1 has no column 'test'; it has question"):
        make_task("qa", path=str(path), meta=["test"])


def test_groups_are_drawn_whole(tmp_path: Path) -> None:
    """Ten of val are three groups of three; with the groups the name says so."""
    rows = [{"question": f"{n}?", "answer": "so", "about": f"{n // 3}"} for n in range(90)]
    path = write(tmp_path / "a.jsonl", rows)
    task = make_task("qa", path=str(path), group="about", val_per_skill=10)
    check_task(task)
    assert task.name == "qa-v0-a-val10-seed0-grouped"
    numbers = [int(e.prompt.split("?")[0].split()[-1]) for e in task.examples("val")]
    assert len(numbers) == 9
    assert len({n // 3 for n in numbers}) == 3


def test_a_group_of_two_skills_is_refused(tmp_path: Path) -> None:
    rows = [{"q": f"{n}?", "a": "so", "topic": f"{n % 2}", "about": "all"} for n in range(9)]
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(ConfigError, match="group 'all' has questions of the skills '0' and '1'"):
        make_task("qa", path=str(path), **COLUMNS, group="about")
