"""Groups against single steps: equal work is asked for, and ratios are taken within a round."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.benchmarks.speed.groups import K, Round, Row, actions_of, describe, measure


def test_ratios_are_taken_within_a_round() -> None:
    """6/2 and 4/1: median 3.5, from 3 to 4; medians of the times are 1.5 and 5."""
    table = describe({"tiny": [Round(2.0, 6.0, 0.0), Round(1.0, 4.0, 0.0)]})
    assert "| tiny | 64 | 16 | 1.50 | 5.00 | 3.50 (3.00 to 4.00) | 2 |" in table


@pytest.mark.slow
def test_a_group_and_single_steps_do_equal_work() -> None:
    row = Row("tiny", 4, 2)
    actions = actions_of(row.forks(1, "cpu"), 3)
    assert len({a.tobytes() for a in actions}) == K
    assert np.allclose([a.sum() for a in actions], 1)
    (found,) = measure(row, 1)
    assert min(found.group, found.single) > 0
    assert found.apart == 0
