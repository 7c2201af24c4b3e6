"""MATH as a task: subjects and levels as skills and difficulties, and answers in boxes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify")

from teachgym.engines import ENGINES
from teachgym.errors import ConfigError
from teachgym.evaluation import GenerateAndGrade
from teachgym.tasks import make_task
from teachgym.tasks.competition_math import INSTRUCTION
from teachgym.tasks.worked_problems import WorkedProblems
from teachgym.testing import TableStudent, check_engine, check_task
from teachgym.types import Draft, Skill
from tests.tasks.math_files import math_folder, math_rows, write_lines, write_table

ALGEBRA, COUNTING = "algebra", "counting-and-probability"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return math_folder(tmp_path / "math")


def load(folder: Path, **settings: Any) -> WorkedProblems:
    task = make_task("math", path=str(folder), **{"val_per_cell": 2, **settings})
    assert isinstance(task, WorkedProblems)
    return task


@pytest.mark.parametrize("skills", ["type", "type-level"])
def test_it_keeps_the_contract_of_tasks(folder: Path, skills: str) -> None:
    task = load(folder, skills=skills)
    unknown = [skill.name for skill in task.skills if skill.name.endswith("unknown")]
    check_task(task, samples=4, lone=unknown)
    check_engine(ENGINES.make("pool", task), task)


def test_val_has_as_many_problems_of_each_type_and_level(folder: Path) -> None:
    """2 types, levels 1, 3 and ?, 5 problems of each in train and 2 in test.

    Val gets 2 from each of 2 types x 2 known levels; 30 - 8 = 22 are left for train.
    """
    task = load(folder)
    train, val, test = (task.examples(split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (22, 8, 12)
    assert Counter((e.skill, e.difficulty) for e in val) == {
        (skill, difficulty): 2 for skill in (ALGEBRA, COUNTING) for difficulty in (0, 0.5)
    }
    assert sum(e.difficulty is None for e in train) == 10
    assert task.levels == (0, 0.25, 0.5, 0.75, 1)
    assert task.dropped == 0


def test_an_id_does_not_depend_on_seed_or_limit(folder: Path) -> None:
    everything = load(folder)
    prompts = {e.id: e.prompt for s in ("train", "val", "test") for e in everything.examples(s)}
    assert "math-v0/train/counting-and-probability/3/0004" in prompts
    assert "math-v0/test/algebra/unknown/0001" in prompts
    for other in (load(folder, limit=3, seed=7), load(folder, test_limit=2, seed=1)):
        for split in ("train", "val", "test"):
            assert all(prompts[e.id] == e.prompt for e in other.examples(split))
    assert len(load(folder, limit=3, seed=7).examples("train")) == 3


def test_the_prompt_asks_for_a_box_and_the_target_is_the_worked_solution(folder: Path) -> None:
    example = load(folder).examples("test")[0]
    problem = "What is half of $6$, in Algebra of Level 1?"
    assert example.prompt == f"{INSTRUCTION}\n\nProblem:\n{problem}\n\nSolution:\n"
    assert example.target == r"Half of $6$ is $\boxed{\frac{6}{2}}$."


def test_types_are_skills_or_the_roots_of_their_levels(folder: Path) -> None:
    assert load(folder).skills == (
        Skill(ALGEBRA, None, "Algebra."),
        Skill(COUNTING, None, "Counting & Probability."),
    )
    deep = load(folder, skills="type-level")
    assert [(s.name, s.parent) for s in deep.skills] == [
        (ALGEBRA, None),
        (COUNTING, None),
        *((f"{t}-level-{n}", t) for t in (ALGEBRA, COUNTING) for n in ("1", "3", "unknown")),
    ]
    assert {e.skill for e in deep.examples("test")} == {s.name for s in deep.skills if s.parent}


@pytest.mark.parametrize(
    ("response", "score"),
    [
        (r"It is $\boxed{3}$.", 1),
        (r"\boxed{\dfrac{12}{4}}", 1),
        (r"\boxed{5} or rather \boxed{3.0}", 1),
        (r"\boxed{x=3}", 1),
        (r"\boxed{4}", 0),
        ("It is 3.", 0),
        (r"\boxed{3", 0),
        (r"\boxed{}", 0),
        ("", 0),
    ],
)
def test_the_last_box_is_compared_as_mathematics(folder: Path, response: str, score: float) -> None:
    task = load(folder)
    assert task.grade(task.examples("test")[0], response) == score


def test_all_grades_at_once_are_the_grades_one_by_one(folder: Path) -> None:
    task = load(folder)
    examples = task.examples("test")
    responses = [e.target if i % 2 else r"\boxed{\frac{1}{9}}" for i, e in enumerate(examples)]
    at_once = task.grade_all(examples, responses)
    assert at_once == [float(i % 2) for i in range(12)]
    assert at_once == [task.grade(e, r) for e, r in zip(examples, responses, strict=True)]


def test_evaluations_grade_all_answers_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Knows(TableStudent):
        def generate(self, prompts: Any, *, stop: Any = ()) -> list[str]:
            return [r"\boxed{\frac{6}{2}}" if "$6$" in p.text else "?" for p in prompts]

    task = load(folder)
    monkeypatch.setattr(task, "grade", None)
    report = GenerateAndGrade().evaluate(Knows(), task, "test")
    assert report.accuracy == 0.5  # half of the test problems are about 6, half about 7
    assert [p.score for p in report.predictions] == [1.0, 0.0] * 6


def test_a_draft_gets_a_box_unless_its_solution_has_one(folder: Path) -> None:
    task = load(folder)
    plain = task.compose(Draft("What is $1/2$ of 3?", r"\frac{3}{2}", "Divide."), ALGEBRA, 0.25)
    assert plain.target == "Divide.\n" + r"The final answer is \boxed{\frac{3}{2}}."
    assert (plain.skill, plain.difficulty, plain.source) == (ALGEBRA, 0.25, "teacher")
    boxed = task.compose(Draft("?", r"$\boxed{1.5}$", r"So $\boxed{\frac32}$."), ALGEBRA, None)
    assert boxed.target == r"So $\boxed{\frac32}$."
    with pytest.raises(ConfigError, match=r"comes to '\\\\frac\{2\}\{3\}', but the answer is"):
        task.compose(Draft("?", r"\frac32", r"So $\boxed{\frac23}$."), ALGEBRA, None)


def test_parquet_files_by_subject_give_the_same_task(folder: Path, tmp_path: Path) -> None:
    """As ``EleutherAI/hendrycks_math`` lays them out."""
    for split, rows in {"train": math_rows(5), "test": math_rows(2, first=5)}.items():
        for i, name in enumerate(("algebra", "counting_and_probability")):
            part = rows[i * len(rows) // 2 : (i + 1) * len(rows) // 2]
            write_table(tmp_path / "hub" / name / f"{split}-00000-of-00001.parquet", part)
    one, other = load(folder), load(tmp_path / "hub")
    for split in ("train", "val", "test"):
        assert one.examples(split) == other.examples(split)
    algebra = load(tmp_path / "hub", config="algebra")
    assert [s.name for s in algebra.skills] == [ALGEBRA]
    assert len(algebra.examples("val")) == 4


def test_a_problem_of_train_that_is_in_test_is_dropped(folder: Path) -> None:
    rows = math_rows(5)
    rows.append({**rows[0], "problem": math_rows(2, first=5)[0]["problem"].upper()})
    write_lines(folder / "train.jsonl", rows)
    task = load(folder)
    assert task.dropped == 1
    assert len(task.examples("train")) == 22


@pytest.mark.parametrize("level", ["Level 6", "Level", "hard", "0"])
def test_an_unknown_level_is_named_with_its_line(folder: Path, level: str) -> None:
    write_lines(folder / "test.jsonl", [{**math_rows(1)[0], "level": level}])
    with pytest.raises(ConfigError, match=rf"test\.jsonl:1: the level is '{level}'; it must be"):
        load(folder)


def test_a_missing_column_and_a_wrong_choice_are_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"skills 'level'\. Did you mean 'type-level'"):
        load(folder, skills="level")
    rows = [{k: v for k, v in row.items() if k != "type"} for row in math_rows(1)]
    write_lines(folder / "test.jsonl", rows)
    with pytest.raises(ConfigError, match=r"test\.jsonl:1 has no column 'type'; it has problem, l"):
        load(folder)
