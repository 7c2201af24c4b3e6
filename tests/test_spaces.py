"""Spaces of words: what they contain, what they sample, and JSON."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from teachgym.forest.space import TreeReportSpace
from teachgym.spaces import DataSpace, MovesSpace, PlanSpace, ReportSpace, WordSpace
from teachgym.types import Example, Exploit, Explore, Order, Plan, Prediction, Report

SPACES: list[WordSpace[Any]] = [
    DataSpace(["a", "b"], 5),
    ReportSpace(["a", "b"]),
    PlanSpace(["a", "b"], 5),
    MovesSpace(["a", "b"], 5),
    TreeReportSpace(["a", "b"], ["root"], 2),
]
EXAMPLE = Example("p", "t", "a")


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_samples_are_contained_seeded_and_survive_json(
    space: WordSpace[Any],
) -> None:
    space.seed(0)
    samples = [space.sample() for _ in range(20)]
    space.seed(0)
    assert [space.sample() for _ in range(20)] == samples
    assert all(sample in space for sample in samples)
    assert space.from_jsonable(space.to_jsonable(samples)) == samples


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_words_do_not_fit_an_array(space: gym.Space[object]) -> None:
    assert not space.is_np_flattenable
    with pytest.raises(NotImplementedError):
        gym.spaces.flatten_space(space)


def test_data_is_a_tuple_of_few_enough_examples_of_known_skills() -> None:
    space = DataSpace(["a"], 2)
    assert (EXAMPLE, EXAMPLE) in space
    assert () in space
    assert (EXAMPLE,) * 3 not in space
    assert (Example("p", "t", "z"),) not in space
    assert [EXAMPLE] not in space
    assert "words" not in space


def test_a_report_is_of_the_right_split_and_known_skills() -> None:
    space = ReportSpace(["a"])
    assert Report((Prediction(EXAMPLE, "r", 1.0),), "val") in space
    assert Report((), "test") not in space
    assert Report((Prediction(Example("p", "t", "z"), "r", 1.0),), "val") not in space
    assert EXAMPLE not in space


def test_spaces_are_equal_when_they_contain_the_same() -> None:
    assert DataSpace(["a"], 2) == DataSpace(("a",), 2)
    assert DataSpace(["a"], 2) != DataSpace(["a"], 3)
    assert ReportSpace(["a"]) == ReportSpace(["a"], "val")
    assert ReportSpace(["a"]) != ReportSpace(["a"], "test")
    assert ReportSpace(["a"]) != DataSpace(["a"], 2)


def test_a_plan_has_known_skills_and_few_enough_examples() -> None:
    space = PlanSpace(["a"], 5)
    assert Plan((Order("a", 2, hint="why"), Order("a", 3))) in space
    assert Plan((Order("a", 6),)) not in space
    assert Plan((Order("z", 1),)) not in space
    assert (Order("a", 1),) not in space


def test_moves_exploit_roots_and_have_no_negative_numbers() -> None:
    space = MovesSpace(["a"], 5)
    assert (Explore("a", 1, 3), Exploit("a", {"x": 0})) in space
    assert (Explore("a subskill", 1, 3),) in space
    assert (Explore("a", 0, 3),) not in space
    assert (Explore("a", 1, -3),) not in space
    assert (Exploit("x", {}),) not in space
    assert (Exploit("a", {"x": -7}),) not in space
    assert [Explore("a", 1, 3)] not in space
    assert ("explore",) not in space
