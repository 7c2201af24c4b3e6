"""GSM8K as a task: format, splits, grading, and what writers bring."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify")

from teachgym.engines import ENGINES
from teachgym.errors import ConfigError
from teachgym.syllabus import Syllabus
from teachgym.tasks import make_task
from teachgym.tasks.gsm8k import BRIEF, INSTRUCTION, SKILL
from teachgym.tasks.worked_problems import WorkedProblems
from teachgym.testing import check_engine, check_task
from teachgym.types import Draft, Example, Skill
from tests.tasks.math_files import gsm8k_folder, gsm8k_rows, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return gsm8k_folder(tmp_path / "gsm8k")


def load(folder: Path, **settings: Any) -> WorkedProblems:
    task = make_task("gsm8k", path=str(folder), **{"val_size": 4, **settings})
    assert isinstance(task, WorkedProblems)
    return task


@pytest.mark.parametrize("settings", [{}, {"by_steps": True}, {"shots": 2, "limit": 3}])
def test_it_keeps_the_contract_of_tasks(folder: Path, settings: dict[str, Any]) -> None:
    task = load(folder, **settings)
    check_task(task)
    check_engine(ENGINES.make("pool", task), task)


def test_val_comes_out_of_train_and_ids_say_where_in_the_file_an_item_stands(folder: Path) -> None:
    """12 problems in train, of which 4 become val; 5 in test, whose numbers start at 12."""
    task = load(folder)
    train, val, test = (task.examples(split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (8, 4, 5)
    assert sorted(e.id for e in (*train, *val)) == [f"gsm8k-v0/train/{n:04}" for n in range(12)]
    assert [e.id for e in test] == [f"gsm8k-v0/test/{n:04}" for n in range(5)]
    assert "Ann has 14 hens" in test[2].prompt
    assert task.name == "gsm8k-v0-val4-seed0"
    assert load(folder, limit=2).name == "gsm8k-v0-val4-seed0-limit2"


def test_an_example_says_how_to_answer_and_answers_that_way_without_annotations(
    folder: Path,
) -> None:
    example = load(folder).examples("test")[0]
    question = "Ann has 12 hens and buys 12 more. How many has she?"
    assert example.prompt == f"{INSTRUCTION}\n\nProblem:\n{question}\n\nSolution:\n"
    assert example.target == "She has 12 hens.\n12+12=24 hens.\n#### 24"
    assert example.skill == SKILL


def test_shots_are_the_same_in_every_prompt_and_leave_train(folder: Path) -> None:
    task, plain = load(folder, shots=2), load(folder)
    prompts = {e.prompt.rpartition("Problem:\n")[0] for e in task.examples("test")}
    assert len(prompts) == 1
    (opening,) = prompts
    assert opening.startswith(f"{INSTRUCTION}\n\nProblem:\nAnn has")
    assert opening.count("\n#### ") == 2
    kept = {e.id for e in task.examples("train")}
    gone = [e for e in plain.examples("train") if e.id not in kept]
    assert len(gone) == 2
    assert all(e.target in opening for e in gone)


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("12+12=24\n#### 24", 1),
        ("#### $24.00", 1),
        ("#### 24 hens", 1),
        ("#### 25", 0),
        ("The answer is 24", 0),
        ("24", 0),
        ("", 0),
        ("#### 3\n\nno, it is\n#### 24", 1),
        ("#### 24\n\nProblem:\nAnother one\n\nSolution:\n#### 3", 1),
        ("\n\nProblem:\n#### 24", 0),
    ],
)
def test_the_final_answer_is_what_counts_and_nothing_after_a_stop(
    folder: Path, response: str, score: float
) -> None:
    task = load(folder)
    assert task.grade(task.examples("test")[0], response) == score


def test_the_difficulty_can_be_the_number_of_steps(tmp_path: Path) -> None:
    """Lines before the final answer: 1 counts as 2, 5 are halfway from 2 to 8, 9 count as 8."""
    rows = [
        {"question": f"q{n}?", "answer": "\n".join([*["step"] * n, f"#### {n}"])} for n in (1, 5, 9)
    ]
    write_lines(tmp_path / "test.jsonl", rows)
    write_lines(tmp_path / "train.jsonl", gsm8k_rows(3))
    task = load(tmp_path, by_steps=True, val_size=1)
    assert [e.difficulty for e in task.examples("test")] == [0, 0.5, 1]
    assert task.levels == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert [e.difficulty for e in load(tmp_path, val_size=1).examples("test")] == [None] * 3
    assert load(tmp_path, val_size=1).levels == (0.0,)


def test_an_answer_that_cannot_be_read_is_told_of_once_and_not_measured(tmp_path: Path) -> None:
    rows = gsm8k_rows(3)
    rows[1]["answer"] = "no final answer"
    rows[2]["answer"] = "#### ???"
    write_lines(tmp_path / "train.jsonl", gsm8k_rows(3, first=10))
    write_lines(tmp_path / "test.jsonl", rows)
    task = load(tmp_path, val_size=1)
    with pytest.warns(UserWarning, match="2 of 3 items of test in gsm8k-v0.*0001, gsm8k-v0"):
        examples = task.examples("test")
    assert task.examples("test") == examples
    right, *unreadable = (task.grade(e, "#### 0") for e in examples)
    assert right == 1
    assert all(map(math.isnan, unreadable))


def test_a_draft_gets_the_form_that_students_see(folder: Path) -> None:
    task = load(folder)
    syllabus = Syllabus.of(task)
    assert syllabus.brief == BRIEF
    draft = Draft("Tom eats 3 of 8 figs. How many are left?", "5 figs", "8 - 3 = 5", "#### 11")
    assert syllabus.compose(draft, SKILL, 0.5) == Example(
        f"{INSTRUCTION}\n\nProblem:\n{draft.problem}\n\nSolution:\n",
        "8 - 3 = 5\n#### 5",
        SKILL,
        source="teacher",
        difficulty=0.5,
        rejected="#### 11",
    )
    assert syllabus.verify(syllabus.compose(draft, SKILL, 0.5)) == 1


@pytest.mark.parametrize(
    ("answer", "solution", "target"),
    [
        ("5", "", "#### 5"),
        ("#### 5", "8 - 3 = 5", "8 - 3 = 5\n#### 5"),
        ("$5", "8 - 3 = 5\n#### 5.0", "8 - 3 = 5\n#### 5.0"),
    ],
)
def test_the_final_answer_is_there_once(
    folder: Path, answer: str, solution: str, target: str
) -> None:
    assert load(folder).compose(Draft("?", answer, solution), SKILL, None).target == target


@pytest.mark.parametrize(
    ("draft", "message"),
    [
        (Draft("How many?", " "), "needs a problem and a final answer"),
        (Draft(" ", "5"), "needs a problem and a final answer"),
        (Draft("How many?", "5", "#### 6"), "the solution comes to '6', but the answer is '5'"),
    ],
)
def test_a_draft_that_cannot_be_an_example_is_refused(
    folder: Path, draft: Draft, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(folder).compose(draft, SKILL, None)


def test_the_instruction_can_be_another(folder: Path) -> None:
    assert load(folder, instruction="Think.").examples("val")[0].prompt.startswith("Think.\n\nPro")


def test_there_is_one_skill(folder: Path) -> None:
    (skill,) = load(folder).skills
    assert isinstance(skill, Skill)
    assert skill.name == SKILL


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val_size": 0}, "val_size is 0"),
        ({"val_size": 12}, "train is empty"),
        ({"deadline": 0}, r"deadline is 0; it must be above 0, and at most 3,600"),
        ({"deadline": math.inf}, "deadline is inf"),
        ({"path": "./nowhere"}, "no folder"),
    ],
)
def test_settings_out_of_range_are_refused(
    folder: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_task("gsm8k", **{"path": str(folder), "val_size": 4, **settings})


def test_a_missing_column_is_named_with_its_line(folder: Path) -> None:
    write_lines(folder / "test.jsonl", [{"question": "?", "solution": "!"}])
    with pytest.raises(ConfigError, match=r"test\.jsonl:1 has no column 'answer'; it has question"):
        load(folder)
