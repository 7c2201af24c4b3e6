"""What was taught and what it helped, from values and from a run's folder."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from teachgym.experiment import RunConfig, run
from teachgym.forest import Experience, Forest, Subskill
from teachgym.report.teaching import (
    coverage_rows,
    draw_forest,
    gain_rows,
    last_forest,
    move_rows,
    taught_rows,
    teaching_tables,
)
from teachgym.runs import RunFolder
from teachgym.types import (
    Example,
    Exploit,
    Explore,
    Prediction,
    Provenance,
    Score,
)


def _example(skill: str, step: int, subskill: str = "") -> Example:
    return Example("p", "t", skill, provenance=Provenance(step=step, subskill=subskill))


def test_data_is_counted_by_skill_subskill_and_step() -> None:
    data = [_example("b", 3), _example("a", 1), _example("a", 1, "x"), _example("a", 3, "x")]
    assert taught_rows(data) == (
        ("skill", "subskill", "examples", "step 1", "step 3"),
        ("a", "", "1", "1", "0"),
        ("a", "x", "2", "1", "1"),
        ("b", "", "1", "0", "1"),
    )
    assert taught_rows([]) == (("skill", "subskill", "examples"),)


def test_kinds_that_earlier_steps_taught_are_told_from_new_ones() -> None:
    """Step 2 has one kind of step 1, in other letters, and two new ones; step 4 only old ones."""
    data = [
        _example("a", 1),
        replace(_example("a", 1), difficulty=1.0),
        _hinted("a", 1, "Carry twice"),
        _hinted("a", 2, "carry TWICE"),
        _hinted("a", 2, "carry thrice"),
        _example("a", 2, "x"),
        _example("a", 2, "x"),
        _example("a", 4),
        _example("a", 4, "x"),
    ]
    assert coverage_rows(data) == (
        ("step", "kinds", "taught before", "share"),
        ("1", "3", "0", "0.00"),
        ("2", "3", "1", "0.33"),
        ("4", "2", "2", "1.00"),
    )
    assert coverage_rows([]) == (("step", "kinds", "taught before", "share"),)


def _hinted(skill: str, step: int, hint: str) -> Example:
    return Example("p", "t", skill, provenance=Provenance(step=step, hint=hint))


def _answers(skill: str, difficulty: float | None, *scores: float) -> list[Prediction]:
    example = Example("p", "t", skill, difficulty=difficulty)
    return [Prediction(example, "r", score) for score in scores]


def test_gains_are_listed_from_the_easiest_skill_with_rarity_and_n() -> None:
    """``hard``: 0 of 2 before, 1 of 2 after; one of two ``odd`` answers could not be graded."""
    before = [*_answers("hard", 1.0, 0, 0), *_answers("odd", None, math.nan)]
    after = [*_answers("hard", 1.0, 0, 1), *_answers("odd", None, 1)]
    assert gain_rows(before, after)[1:] == (
        ("odd", "none", "1.0000", "not measured", "1.000 (n=1)", "not measured"),
        ("hard", "1.00", "0.5000", "0.000 ± 0.192 (n=2)", "0.500 ± 0.354 (n=2)", "+0.500 ± 0.500"),
    )


LOW, HIGH = Score(10, 0.2, 0.1), Score(10, 0.5, 0.1)
FOREST = Forest(
    {
        "algebra": (
            Subskill("linear", 3, 7, answered=4, right=2.0),
            Subskill("one unknown", 1, 0, parent="linear"),
        ),
        "geometry": (),
    },
    4,
    (
        Experience("algebra", 1, Explore("algebra", 2, 5, reason="weak"), LOW, HIGH),
        Experience("algebra", 2, Exploit("algebra", {"linear": 3}), Score.nothing(), HIGH),
    ),
)


def test_a_forest_is_drawn_by_depth_with_what_is_known_of_each_subskill() -> None:
    assert draw_forest(FOREST).splitlines() == [
        "algebra",
        "  linear: 3 a step, 7 taught, own data 0.500 ± 0.250 (n=4)",
        "    one unknown: 1 a step, 0 taught, own data not measured",
        "geometry: nothing found",
    ]


def test_moves_are_listed_with_what_they_gained_and_the_teachers_reason() -> None:
    assert move_rows(FOREST)[1:] == (
        ("1", "algebra", "explore algebra: 2 new, 5 each", "+0.300", "weak"),
        ("2", "algebra", "exploit: linear 3", "not measured", ""),
    )


def test_a_finished_run_of_a_skill_tree_has_all_tables(tmp_path: Path) -> None:
    small = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
    settings = {
        "student": "simulated",
        "task_settings": small,
        "examples_per_step": 14,
        "budget": {"steps": 2},
    }
    run(RunConfig("teachgym/SkillTree-v0", settings, "random-tree"), tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    titles = [title for title, _ in teaching_tables(folder)]
    assert titles == [
        "what was taught",
        "what was new",
        "gain on test by skill",
        "moves of the skill tree",
    ]
    forest = last_forest(folder)
    assert forest is not None
    assert {e.step for e in forest.history} == {1, 2}
