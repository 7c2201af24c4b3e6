"""Sums over cells, with numbers derived by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from teachgym.agents.context import Cells, accuracy_of, fill_unmeasured, pool_levels
from teachgym.errors import ConfigError
from tests.agents.worlds import ListWorld, list_observation

CELLS = Cells(("add", "sort"), (0.0, 0.5, 1.0))


def test_cells_are_read_off_an_environment() -> None:
    cells = Cells.of(ListWorld([1, 1], n_levels=3))
    assert cells == Cells(("skill-0", "skill-1"), (0.0, 0.5, 1.0))
    assert cells.shape == (2, 3)


def test_weights_become_shares_of_the_step() -> None:
    """Weights 3 : 1 by skill, levels alike, half of it uniform over six cells.

    First row: (1/2) (3/4) / 3 + (1/2) / 6 = 5/24; second: (1/2) (1/4) / 3 + 1/12 = 1/8.
    """
    action = CELLS.spend(np.array([[3.0], [1.0]]), exploration=0.5)
    np.testing.assert_allclose(action, [[5 / 24] * 3, [1 / 8] * 3], rtol=1e-6)


def test_weights_of_zero_count_as_equal() -> None:
    np.testing.assert_allclose(CELLS.spend(np.zeros((2, 1))), np.full((2, 3), 1 / 6), rtol=1e-6)


@given(
    weights=arrays(np.float64, (2, 3), elements=st.floats(0, 1e6)),
    exploration=st.floats(0, 1),
)
def test_every_action_is_legal_and_spends_the_step(weights: np.ndarray, exploration: float) -> None:
    action = CELLS.spend(weights, exploration=exploration)
    assert ListWorld([1, 1]).action_space.contains(action)
    assert action.sum() == pytest.approx(1, abs=1e-5)
    assert (action >= exploration / 6 * 0.999).all()


def test_an_exploration_above_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"exploration is 1.5; it must be in \[0, 1\]"):
        CELLS.spend(np.ones((2, 3)), exploration=1.5)


def test_levels_are_pooled_by_their_numbers_of_items() -> None:
    """Accuracies 1/2 and 1 on 10 and 30 items: (5 + 30) / 40 = 7/8.

    Only the first level has an error: 10 sqrt(1/4 / 10) / 40 = sqrt(2.5) / 40.
    """
    scores = pool_levels(list_observation([[0.5, 1.0], [0.0, 0.0]], [[10, 30], [0, 0]]))
    assert scores.mean.tolist() == [7 / 8, 0]
    np.testing.assert_allclose(scores.stderr, [2.5**0.5 / 40, 0], rtol=1e-6)
    assert scores.n.tolist() == [40, 0]


def test_pooling_over_three_equal_levels_divides_the_error_by_root_three() -> None:
    observation = list_observation([[0.3, 0.3, 0.3]])
    cell_error = observation["stderr"][0, 0]
    assert pool_levels(observation).stderr[0] == pytest.approx(cell_error / 3**0.5)


def test_unmeasured_cells_get_the_mean_of_the_measured_ones() -> None:
    filled = fill_unmeasured(list_observation([[0.25, 0.75], [0, 0]], [[10, 10], [0, 0]]))
    assert filled.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert fill_unmeasured(list_observation([[0, 0]], 0)).tolist() == [[0, 0]]


def test_accuracy_of_a_unit_is_nan_where_nothing_was_measured() -> None:
    observation = list_observation([[0.5, 0], [0, 0]], [[10, 0], [0, 0]])
    np.testing.assert_equal(accuracy_of("cell", observation), [[0.5, np.nan], [np.nan, np.nan]])
    np.testing.assert_equal(accuracy_of("skill", observation), [[0.5, 0.5], [np.nan, np.nan]])
