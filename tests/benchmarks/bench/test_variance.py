"""Sources of variance are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from teachgym.benchmarks.bench.suites import make_suite
from teachgym.benchmarks.bench.variance import components, table
from teachgym.errors import ConfigError


def test_a_table_of_two_by_two_is_divided_by_hand() -> None:
    """Values 0, 2, 4, 10 have the mean 4, row means 1 and 7, column means 2 and 6.

    Sums of squares: rows 2 * 18 = 36, columns 2 * 8 = 16, all 56, rest 4; one degree of freedom
    each. Rows: (36 - 4) / 2 = 16, with the error sqrt(2 * 36^2 + 2 * 4^2) / 2.
    """
    found = components(np.array([[0.0, 2], [4, 10]]), ("rows", "columns"))
    assert found["rows"].variance == pytest.approx(16)
    assert found["rows"].stderr == pytest.approx((2 * 36**2 + 2 * 4**2) ** 0.5 / 2)
    assert found["columns"].variance == pytest.approx(6)
    assert found["rest"].variance == pytest.approx(4)
    assert [c.n for c in found.values()] == [2, 2, 4]
    assert "| rows | 2 | 400.00 | 160000.00" in table(found)


def test_the_variances_that_values_were_drawn_with_are_found() -> None:
    """Over 300 tables the mean of each estimate is the true variance, up to its error."""
    rng, true = np.random.default_rng(0), {"a": 4.0, "b": 1.0, "c": 0.0, "rest": 2.0}
    estimates: dict[str, list[float]] = {name: [] for name in true}
    for _ in range(300):
        a, b, c = (
            rng.normal(0, true[name] ** 0.5, size=n)
            for name, n in zip("abc", (6, 5, 4), strict=True)
        )
        values = a[:, None, None] + b[:, None] + c + rng.normal(0, 2**0.5, size=(6, 5, 4))
        for name, component in components(values, "abc").items():
            estimates[name].append(component.variance)
    for name, found in estimates.items():
        error = np.std(found) / 300**0.5
        assert np.mean(found) == pytest.approx(true[name], abs=4.5 * error)


def test_a_source_that_was_drawn_once_is_refused() -> None:
    with pytest.raises(ConfigError, match="draw every source of a, b at least twice"):
        components(np.zeros((1, 3)), ("a", "b"))


def test_the_suite_crosses_its_sources() -> None:
    settings = [cell.config.env_settings for cell in make_suite("variance").cells()]
    drawn = {(s["student_settings"]["base"], s["task_settings"]["seed"]) for s in settings}
    assert len(drawn) == 5 * 2
    assert len(settings) == 5 * 2 * 2 * 3
    assert {s["task_settings"]["test_per_cell"] for s in settings} == {80}
