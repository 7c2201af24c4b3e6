"""Spaces of words: what they contain, what they sample, and JSON."""

from __future__ import annotations

import gymnasium as gym
import pytest

from teachgym.spaces import DataSpace, ReportSpace
from teachgym.types import Example, Prediction, Report

SPACES = [DataSpace(["a", "b"], 5), ReportSpace(["a", "b"])]
EXAMPLE = Example("p", "t", "a")


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_samples_are_contained_seeded_and_survive_json(
    space: DataSpace | ReportSpace,
) -> None:
    space.seed(0)
    samples = [space.sample() for _ in range(20)]
    space.seed(0)
    assert [space.sample() for _ in range(20)] == samples
    assert all(sample in space for sample in samples)
    assert space.from_jsonable(space.to_jsonable(samples)) == samples  # type: ignore[arg-type]


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
