"""The skill forest: the worked example of the paper's figure 3, and what can never happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownSkillError
from teachgym.skills import Forest, TaskProposer, exploit, explore
from teachgym.types import Exploit, Explore, Order

LEAVES = {"algebra": ("linear", "polynomials", "fractions"), "geometry": ("angles",)}
PROPOSER = TaskProposer(LEAVES)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_exploring_discovers_subskills_until_there_are_no_more() -> None:
    forest = Forest.bare(LEAVES, 8)
    forest = explore(forest, Explore("algebra", 2, 10), PROPOSER, _rng())
    assert len(forest.known("algebra")) == 2
    forest = explore(forest, Explore("algebra", 2, 15), PROPOSER, _rng())
    assert set(forest.known("algebra")) == set(LEAVES["algebra"])
    assert [s.allocation for s in forest.trees["algebra"]] == [10, 10, 15]
    assert explore(forest, Explore("algebra", 1, 5), PROPOSER, _rng()) == forest


def test_exploiting_sets_allocations_and_leaves_out_what_is_not_named() -> None:
    forest = explore(Forest.bare(LEAVES, 8), Explore("algebra", 3, 10), PROPOSER, _rng())
    forest = exploit(forest, Exploit("algebra", {"linear": 30, "fractions": 0}))
    assert {s.name: s.allocation for s in forest.trees["algebra"]} == {
        "linear": 30,
        "fractions": 0,
        "polynomials": 0,
    }
    assert forest.plan().orders == (Order("linear", 30),)


def test_a_root_never_has_more_subskills_than_slots() -> None:
    forest = explore(Forest.bare(LEAVES, 2), Explore("algebra", 3, 1), PROPOSER, _rng())
    assert len(forest.known("algebra")) == 2


def test_names_that_exist_already_are_not_added_again() -> None:
    class Stubborn:
        def propose(self, *_: object) -> tuple[str, ...]:
            return ("angles", "angles", "sines")

    forest = explore(Forest.bare(LEAVES, 8), Explore("geometry", 3, 1), Stubborn(), _rng())
    assert forest.known("geometry") == ("angles", "sines")
    forest = explore(forest, Explore("algebra", 3, 1), Stubborn(), _rng())
    assert forest.known("algebra") == ()


def test_totals_taught_are_kept_apart_from_allocations() -> None:
    forest = explore(Forest.bare(LEAVES, 8), Explore("geometry", 1, 10), PROPOSER, _rng())
    forest = forest.taught({"angles": 7}).taught({"angles": 3})
    assert forest.trees["geometry"][0].taught == 10
    assert forest.trees["geometry"][0].allocation == 10


def test_wrong_moves_are_refused_with_the_value() -> None:
    forest = Forest.bare(LEAVES, 8)
    with pytest.raises(UnknownSkillError, match="algbra"):
        explore(forest, Explore("algbra", 1, 1), PROPOSER, _rng())
    with pytest.raises(UnknownSkillError, match="angles"):
        exploit(forest, Exploit("geometry", {"angles": 1}))
    known = explore(forest, Explore("geometry", 1, 1), PROPOSER, _rng())
    with pytest.raises(ConfigError, match="-7"):
        exploit(known, Exploit("geometry", {"angles": -7}))
    with pytest.raises(ConfigError, match="max_subskills is 0"):
        Forest.bare(LEAVES, 0)


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3), st.integers(1, 500))
def test_limited_allocations_keep_to_the_total_and_never_become_negative(
    amounts: list[int], total: int
) -> None:
    forest = explore(Forest.bare(LEAVES, 8), Explore("algebra", 3, 0), PROPOSER, _rng())
    forest = exploit(forest, Exploit("algebra", dict(zip(LEAVES["algebra"], amounts, strict=True))))
    limited = forest.limited(total)
    assert limited.plan().total <= total
    assert all(s.allocation >= 0 for s in limited.trees["algebra"])
    assert limited == forest if sum(amounts) <= total else limited != forest
