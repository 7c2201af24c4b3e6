"""Steps per second, with texts and without: what is compared, not how fast it is."""

from __future__ import annotations

from teachgym.benchmarks.speed.counted import describe, ways


def test_all_ways_make_steps() -> None:
    made = ways()
    assert all(pace(64) > 0 for pace, _ in list(made.values())[1:])
    assert next(iter(made)) == "texts"


def test_ratios_are_taken_within_a_round() -> None:
    """30/10, 20/10 and 80/20: median 3, from 2 to 4."""
    table = describe({"texts": [10, 10, 20], "none": [30, 20, 80]})
    assert "| texts | 10 | 1 (1 to 1) |" in table
    assert "| none | 30 | 3 (2 to 4) |" in table
