"""Agreement of two divisions, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from teachgym.skills.agreement import agreement, agreement_with_own
from teachgym.testing import ToyTask


def _divided(*groups: str) -> dict[str, str]:
    """An assignment from groups of one-letter ids."""
    return {id_: f"skill {number}" for number, group in enumerate(groups) for id_ in group}


def test_the_same_division_agrees_fully_whatever_the_names() -> None:
    found = agreement(_divided("ab", "cd"), {"a": "x", "b": "x", "c": "y", "d": "y"})
    assert (found.ami, found.n) == (1.0, 4)


def test_divisions_across_each_other_agree_less_than_chance() -> None:
    """{ab, cd} against {ac, bd}: I = 0 and both entropies are log 2.

    Over random divisions of these sizes, the cell of the first two groups holds 0, 1 or 2 with
    probability 1/6, 4/6, 1/6 (hypergeometric); I is log 2 for 0 and 2, else 0. So E[I] is
    (log 2) / 3 and AMI = (0 - 1/3) / (1 - 1/3) = -1/2.
    """
    assert agreement(_divided("ab", "cd"), _divided("ac", "bd")).ami == pytest.approx(-0.5)


def test_a_finer_division_is_marked_down_by_the_mean_of_the_entropies() -> None:
    """{ab, cd} against {ab, c, d}: I = log 2; the entropies are log 2 and 1.5 log 2.

    I = log 2 + 1.5 log 2 - H of both. A random division gives the joint table 2|1|1 with
    probability 1/3 (its pair is one of the two pairs), where H of both is 1.5 log 2 and I = log 2,
    else four cells of 1, H of both is 2 log 2 and I = 0.5 log 2. So E[I] is
    (1/3 + 2/3 * 0.5) log 2 = 2/3 log 2, and AMI = (1 - 2/3) / (1.25 - 2/3) = 4/7.
    """
    assert agreement(_divided("ab", "cd"), _divided("ab", "c", "d")).ami == pytest.approx(4 / 7)


def test_only_examples_that_both_assign_are_compared() -> None:
    found = agreement(_divided("ab", "cd"), _divided("xab", "cyz"))
    assert (found.ami, found.n) == (1.0, 3)
    assert str(found) == "1.000 (n=3)"


def test_nothing_in_common_is_not_measured() -> None:
    found = agreement({"a": "x"}, {"b": "x"})
    assert math.isnan(found.ami)
    assert found.n == 0


def test_a_task_is_compared_by_leaves_and_by_roots() -> None:
    task = ToyTask()
    val = task.examples("val")
    roots = {e.id: "words" if e.skill in ("copy", "reverse") else "numbers" for e in val}
    found = agreement_with_own(roots, task, val)
    assert found["roots"].ami == pytest.approx(1)
    assert 0 < found["leaves"].ami < 1
    assert found["leaves"].n == len(val) == 40
