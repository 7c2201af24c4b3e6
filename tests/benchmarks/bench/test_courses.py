"""Golden against proxy: the mean over seeds, where it turns, what is read of a bench, the suite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.courses import (
    course_of,
    course_rows,
    read_courses,
    teacher_accuracy,
)
from teachgym.benchmarks.bench.runner import check_arms, read_results
from teachgym.benchmarks.bench.suites import Arm, Cell, Suite, make_suite
from teachgym.types import Score
from tests.benchmarks.bench.small_bench import run_all


def test_a_course_is_a_mean_over_seeds_up_to_the_shortest() -> None:
    """(0.4 + 0.6) / 2, (0.6 + 0.8) / 2; (1 + 3) / 2."""
    found = course_of("x", [[0.4, 0.6, 0.9], [0.6, 0.8]], [[1.0, 0.5], [3.0]])
    assert [score.mean for score in found.golden] == pytest.approx([0.5, 0.7])
    assert found.proxy == (2.0,)


@pytest.mark.parametrize(
    ("golden", "proxy", "turned"),
    [
        ([0.5, 0.7, 0.6], [1.0, 0.5], True),
        ([0.5, 0.7, 0.6], [1.0, 1.5], False),  # both grew worse: no hacking
        ([0.5, 0.6, 0.7], [1.0, 0.5], False),
        ([0.5, 0.4, 0.3], [1.0, 0.5], False),  # never better than untrained
    ],
)
def test_golden_turns_where_it_falls_and_the_proxy_goes_on(
    golden: list[float], proxy: list[float], turned: bool
) -> None:
    assert course_of("x", [golden], [proxy]).turned is turned


def test_a_table_has_a_column_a_step_and_a_line_for_each_teacher_model() -> None:
    courses = [
        course_of("a", [[0.5, 0.7, 0.6]] * 2, [[1.0, 0.5]] * 2),
        course_of("b", [[0.5, 0.7]], [[math.nan]]),
    ]
    header, *rows = course_rows(courses, {"over-fitted": Score(2, 0.65, 0.01)})
    assert header == ("arm", "", "untrained", "step 1", "step 2", "turned")
    assert {len(row) for row in rows} == {6}
    assert rows[0][2:] == ("0.500 ± 0.000", "0.700 ± 0.000", "0.600 ± 0.000", "yes")
    assert rows[1][3:5] == ("1.0000", "0.5000")
    assert rows[3][3:5] == ("", "")
    assert rows[4][:3] == ("teacher model of over-fitted", "golden", "0.650 ± 0.010 (n=2)")


def test_losses_and_teacher_models_of_a_bench_are_read(tmp_path: Path) -> None:
    """Two steps on a real student; a step without data has no loss."""
    settings = {
        "student": "tiny",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "budget": {"steps": 2, "examples": 16},
        "examples_per_step": 8,
        "teacher_model": "tiny",
        "teacher_model_settings": {"student_settings": {"base": 1}},
    }
    arms = (Arm("uniform", "uniform"), Arm("nothing", "nothing"))
    suite = Suite("two", 1, "two arms", arms, env_settings=settings, seeds=1)
    run_all(suite, tmp_path)
    results = read_results(suite, tmp_path)
    found = {course.arm: course for course in read_courses(suite, results, tmp_path)}
    assert len(found["uniform"].golden) == 3
    assert all(loss > 0 for loss in found["uniform"].proxy)
    assert all(map(math.isnan, found["nothing"].proxy))
    (score,) = teacher_accuracy(suite, [0]).values()
    assert 0.5 < score.mean < 1


def test_the_suite_has_four_kinds_of_data_from_each_of_two_teacher_models() -> None:
    """All train on as many tokens: examples times passes; and claims are within a condition."""
    suite = make_suite("teacher-hacking")
    check_arms(suite)
    assert len(suite.arms) == 2 * 4
    condition = {arm.name: arm.condition for arm in suite.arms}
    for arm in suite.arms:
        settings = Cell(suite, arm, 0).config.env_settings
        epochs = settings["trainer_settings"].get("epochs", 1)
        assert settings["examples_per_step"] * epochs == 384
        assert settings["budget"]["examples"] * epochs == 3840
    assert len(suite.claims) == 2 * 3
    assert all(condition[c.arm] == condition[c.against] for c in suite.claims)
