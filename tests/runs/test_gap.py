"""The gain on val minus the gain on test, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from teachgym.report.tables import score_rows, show_gap
from teachgym.runs.result import Comparison, RunResult
from teachgym.types import Example, Prediction, Report, Split
from tests.runs.results import result_of


def report(split: Split, scores: Sequence[float]) -> Report:
    items = (Example(f"{split} {i}", "x", "copy", f"{split}/{i}") for i in range(len(scores)))
    return Report(tuple(Prediction(e, "x", s) for e, s in zip(items, scores, strict=True)), split)


def result() -> RunResult:
    """Val gains 3 of 4 items, test 1 of 4."""
    val = Comparison.of(report("val", [0, 0, 0, 0]), report("val", [1, 1, 1, 0]))
    test = Comparison.of(report("test", [0, 0, 0, 0]), report("test", [1, 0, 0, 0]))
    return result_of(test, val=val)


def test_the_gap_is_the_difference_of_two_independent_gains() -> None:
    """Changes of 1, 1, 1, 0 and of 1, 0, 0, 0 have a standard error of 0.25 each, sd 0.5 by 2.

    So the gap is 0.75 - 0.25 = 0.5 with sqrt(2) / 4 = 0.354 over 8 items.
    """
    gap = result().gap
    assert gap.mean == pytest.approx(0.5)
    assert gap.stderr == pytest.approx(2**0.5 / 4)
    assert gap.n == 8


def test_tables_show_it_with_its_interval() -> None:
    """1.96 x 0.3536 = 0.693 on either side."""
    row = score_rows(result())[-1]
    assert row[0] == "val - test"
    assert cast(str, row[-1]) == show_gap(result().gap) == "+0.500 [-0.193, +1.193]"
