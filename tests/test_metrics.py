"""Numbers about reports and episodes, each derived by hand."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.metrics import (
    area_under_curve,
    brier,
    by_cell,
    by_group,
    group_accuracy,
    nearest_level,
    paired_gain,
    precision_recall_f1,
    rank_correlation,
    spread_of,
)
from teachgym.types import Example, Prediction, Report, Score


def _report(*items: tuple[str, float | None, float]) -> Report:
    predictions = (
        Prediction(Example("p", "t", skill, difficulty=difficulty), "r", score)
        for skill, difficulty, score in items
    )
    return Report(tuple(predictions), "val")


def test_estimate_uses_the_sample_standard_deviation() -> None:
    """Values 0, 0, 3: mean 1, squared deviations 1 + 1 + 4 = 6, sd sqrt(3), se 1."""
    result = Score.of_repetitions([0, 0, 3])
    assert (result.mean, result.n) == (1, 3)
    assert result.stderr == pytest.approx(1.0)
    assert math.isnan(Score.of_repetitions([2.0]).stderr)
    assert Score.of_repetitions([math.nan]).n == 0


def test_paired_gain_has_the_error_of_the_change_not_of_the_items() -> None:
    """Changes +1, 0, 0, 0: mean 0.25, sample sd 0.5, se 0.5 / sqrt(4)."""
    before = _report(*[("a", 0.0, s) for s in (0.0, 1.0, 0.0, 1.0)])
    after = _report(*[("a", 0.0, s) for s in (1.0, 1.0, 0.0, 1.0)])
    gain = paired_gain(before, after)
    assert gain.mean == 0.25
    assert gain.stderr == pytest.approx(0.25)


def test_paired_gain_leaves_out_items_not_measured_twice_and_refuses_other_items() -> None:
    before = _report(("a", 0.0, math.nan), ("a", 0.0, 0.0))
    after = _report(("a", 0.0, 1.0), ("a", 0.0, 1.0))
    assert paired_gain(before, after).n == 1
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_gain(before, _report(("a", 0.0, 1.0)))


def test_cells_are_skills_by_nearest_level() -> None:
    report = _report(
        ("a", 0.0, 1.0), ("a", 0.1, 0.0), ("a", 1.0, 1.0), ("b", None, 0.5), ("x", 0.0, 1.0)
    )
    cells = by_cell(report, ["a", "b"], [0.0, 0.5, 1.0])
    assert cells.n.tolist() == [[2, 0, 1], [1, 0, 0]]
    assert cells.mean.tolist() == [[0.5, 0, 1], [0.5, 0, 0]]
    assert cells.stderr[0, 0] == pytest.approx(math.sqrt(0.25 / 2))
    assert cells.stderr[0, 1] == 0


def test_groups_pool_their_skills() -> None:
    report = _report(("a", 0.0, 1.0), ("b", 0.0, 0.0), ("c", 0.0, 1.0), ("d", 0.0, math.nan))
    groups = by_group(report, [("a", "b"), ("d",), ("c",)])
    assert groups.n.tolist() == [2, 0, 1]
    assert groups.mean.tolist() == [0.5, 0, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.sampled_from([0.0, 1.0]))))
def test_cells_account_for_every_prediction(items: list[tuple[str, float, float]]) -> None:
    cells = by_cell(_report(*items), ["a", "b"], [0.0, 1.0])
    assert cells.n.sum() == len(items)
    assert np.isclose((cells.n * cells.mean).sum(), sum(score for _, _, score in items))


def test_nearest_level_takes_the_lower_on_a_tie() -> None:
    assert nearest_level([0.0, 0.5, 1.0], 0.75) == 1
    assert nearest_level([0.0, 0.5, 1.0], None) == 0


def test_area_under_the_curve_is_its_mean_height() -> None:
    """Trapezoids (0.2+0.4)/2 = 0.3 and (0.4+0.8)/2 = 0.6, mean 0.45."""
    assert area_under_curve([0.2, 0.4, 0.8]) == pytest.approx(0.45)
    assert area_under_curve([0.7]) == 0.7


def test_rank_correlation_agrees_with_spearman_by_hand() -> None:
    """Ranks 1 2 3 4 against 2 1 4 3: rho = 1 - 6 * 4 / (4 * 15) = 0.6."""
    assert rank_correlation([1, 2, 3, 4], [20, 10, 40, 30]) == pytest.approx(0.6)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert math.isnan(rank_correlation([1, 2], [5, 5]))
    rows = [[1, 2, 3, 4], [5, 5, 5, 5]], [[20, 10, 40, 30], [1, 2, 3, 4]]
    assert rank_correlation(*rows) == pytest.approx([0.6, math.nan], nan_ok=True)


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=12), st.randoms())
def test_rank_correlation_agrees_with_scipy(values: list[int], random: object) -> None:
    stats = pytest.importorskip("scipy.stats")
    other = list(values)
    random.shuffle(other)  # type: ignore[attr-defined]
    if len(set(values)) > 1:
        expected = stats.spearmanr(values, other).statistic
        assert rank_correlation(values, other) == pytest.approx(expected)


def _answers(*scores: float) -> list[Prediction]:
    return [Prediction(Example(f"{i}", "t", "s", f"{i}"), "r", s) for i, s in enumerate(scores)]


def test_a_group_is_right_if_all_its_items_are() -> None:
    """Pairs (1, 1), (1, 0), (0, nan), (1, nan), (1, 1): right, wrong, wrong, not known, right.

    Mean 2/4, error sqrt(1/2 * 1/2 / 4) = 0.25.
    """
    nan = math.nan
    found = group_accuracy(_answers(1, 1, 1, 0, 0, nan, 1, nan, 1, 1), lambda e: int(e.id) // 2)
    assert (found.n, found.mean, found.stderr) == (4, 0.5, 0.25)
    assert group_accuracy([], lambda e: e.id) == group_accuracy(_answers(nan), lambda e: e.id)


def _yes(answer: str) -> set[str]:
    return {"yes"} if answer == "1" else set()


def test_precision_recall_and_f1_have_the_errors_of_the_delta_method() -> None:
    """3 true positives, 1 false positive, 2 false negatives, 4 true negatives, 1 not measured.

    Precision 3/4, error sqrt(3/4 * 1/4 / 4); recall 3/5, error sqrt(3/5 * 2/5 / 5). F1 = 6/9: of
    each true positive a - R b = 2 - 4/3 = 2/3, of each of the 3 others -2/3, so the error is
    sqrt(6 * 4/9) / 9.
    """
    kinds = [(1, 1)] * 3 + [(0, 1)] + [(1, 0)] * 2 + [(0, 0)] * 4 + [(1, 1)]
    predictions = [
        Prediction(Example("p", str(truth), "s"), str(said), float(truth == said))
        for truth, said in kinds
    ]
    predictions[-1] = Prediction(predictions[-1].example, "1", math.nan)
    found = precision_recall_f1(predictions, lambda e: _yes(e.target), lambda p: _yes(p.response))
    expected = {
        "precision": (4, 3 / 4, (3 / 64) ** 0.5),
        "recall": (5, 3 / 5, (6 / 125) ** 0.5),
        "f1": (6, 2 / 3, (6 * 4 / 9) ** 0.5 / 9),
    }
    for name, (n, mean, stderr) in expected.items():
        assert found[name].n == n
        assert found[name].mean == pytest.approx(mean)
        assert found[name].stderr == pytest.approx(stderr)


def test_nobody_called_positive_leaves_precision_unmeasured() -> None:
    for average in ("micro", "macro"):
        found = precision_recall_f1(
            _answers(0, 0), lambda e: {"yes"}, lambda p: set(), average=average
        )
        assert found["precision"].n == 0
        assert found["recall"].mean == found["f1"].mean == 0
    nobody = precision_recall_f1([], lambda e: {"yes"}, lambda p: {"yes"})
    assert {score.n for score in nobody.values()} == {0}


def test_precision_recall_and_f1_of_sets_of_labels_are_micro_or_macro_averages() -> None:
    """Wanted ab, b, c; said ab, a, ca: agreed ab, none, c.

    Micro: precision 3/5, recall 3/4, F1 6/9. Precision's a - R b is 2 - 6/5 = 4/5, -3/5, 1 - 6/5
    = -1/5, so the error is sqrt(16 + 9 + 1)/5/5 = sqrt(26)/25.
    Macro: precision a 1/3, b 1, c 1, mean 7/9; recall 1, 1/2, 1, mean 5/6; F1 2/4, 2/3, 1, mean
    13/18. Recall differs from 1 for b alone: its items are off by (1 - 1/2)/2 and -1/2/2, a third
    of that each in the mean, so the error is sqrt(2 (1/12)^2) = sqrt(2)/12.
    """
    rows = [("ab", "ab"), ("b", "a"), ("c", "ca")]
    predictions = [Prediction(Example("p", wanted, "s"), said, 0.5) for wanted, said in rows]

    def figures(average: Literal["micro", "macro"]) -> dict[str, Score]:
        return precision_recall_f1(
            predictions, lambda e: set(e.target), lambda p: set(p.response), average=average
        )

    micro, macro = figures("micro"), figures("macro")
    assert [micro[name].mean for name in micro] == pytest.approx([3 / 5, 3 / 4, 6 / 9])
    assert micro["precision"].stderr == pytest.approx(26**0.5 / 25)
    assert [macro[name].mean for name in macro] == pytest.approx([7 / 9, 5 / 6, 13 / 18])
    assert macro["recall"].stderr == pytest.approx(2**0.5 / 12)
    assert {score.n for score in (*micro.values(), *macro.values())} == {3}


def test_the_brier_score_is_the_mean_squared_distance_of_confidence_and_score() -> None:
    """(0.9 - 1)^2 = 0.01 and (0.7 - 0)^2 = 0.49: mean 0.25, deviations 0.24, error 0.24/sqrt 2."""
    confidences = {"0": 0.9, "1": 0.7, "2": 0.5}
    found = brier(_answers(1, 0, math.nan), lambda p: confidences[p.example.id])
    assert found.n == 2
    assert found.mean == pytest.approx(0.25)
    assert found.stderr == pytest.approx(0.24 / 2**0.5)


def test_the_spread_of_two_means_is_that_of_a_paired_t_test() -> None:
    """Differences 1, 1, 0, 0: mean 1/2, error sqrt(1/12), so t^2 = 3 = F, and p = 0.1817.

    A mean's noise is half the difference's variance: sqrt(1/24). The means' variance is 1/8.
    """
    spread = spread_of(np.array([[1.0, 1, 0, 1, np.nan], [0.0, 0, 0, 1, 1]]))
    assert spread.noise == pytest.approx((1 / 24) ** 0.5)
    assert spread.signal == pytest.approx((1 / 8 - 1 / 24) ** 0.5)
    assert spread.signal_to_noise == pytest.approx(2**0.5)
    assert spread.p == pytest.approx(0.18169, abs=1e-5)


def test_what_items_do_to_all_alike_is_no_spread() -> None:
    scores = np.array([[1.0, 0, 1, 1]] * 3)
    assert (spread_of(scores).signal, spread_of(scores).p) == (0, 1)
    assert spread_of(scores[:1]).p == 1
    shifted = spread_of(np.array([[0.5, 0, 0.5], [1, 0.5, 1]]))
    assert (shifted.signal_to_noise, shifted.p) == (float("inf"), 0)


def test_noise_alone_is_called_a_signal_as_often_as_its_level_says() -> None:
    rng = np.random.default_rng(0)
    groups = rng.normal(size=(1000, 4, 30)) + rng.normal(size=(1000, 1, 30))
    found = np.mean([spread_of(group).p < 0.1 for group in groups])
    assert abs(found - 0.1) < 0.03
