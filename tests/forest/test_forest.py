"""The skill forest: the worked example of the paper's figure 3, and what can never happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownSkillError
from teachgym.forest import Experience, Forest, TaskProposer, exploit, explore
from teachgym.types import Example, Exploit, Explore, Order, Prediction, Score

LEAVES = {"algebra": ("linear", "polynomials", "fractions"), "geometry": ("angles",)}
PROPOSER = TaskProposer(LEAVES)
ALONE = {leaf: (leaf,) for leaves in LEAVES.values() for leaf in leaves}


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
    assert forest.plan({**LEAVES, **ALONE}, _rng()).orders == (Order("linear", 30),)
    assert forest.plan(LEAVES, _rng()).orders == (Order("algebra", 30, subskill="linear"),)


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
    assert limited.plan({}, _rng()).total == min(sum(amounts), total)
    assert all(s.allocation >= 0 for s in limited.trees["algebra"])
    assert limited == forest if sum(amounts) <= total else limited != forest


def test_trees_may_be_of_any_depth_and_names_stay_unique() -> None:
    """Slots count over the whole tree: 3 of 3 are taken after the third move."""

    class Deeper:
        def propose(self, skill: str, known: object, *_: object) -> tuple[str, ...]:
            return (f"{skill} of lines", "angles", "geometry", "algebra")

    forest = explore(Forest.bare(LEAVES, 3), Explore("geometry", 1, 4), Deeper(), _rng())
    forest = explore(forest, Explore("geometry of lines", 1, 5), Deeper(), _rng())
    forest = explore(forest, Explore("geometry of lines", 4, 6), Deeper(), _rng())
    assert [(s.name, s.parent, s.allocation) for s in forest] == [
        ("geometry of lines", "", 4),
        ("geometry of lines of lines", "geometry of lines", 5),
        ("angles", "geometry of lines", 6),
    ]
    assert forest.root_of("angles") == "geometry"
    with pytest.raises(UnknownSkillError, match="sines"):
        explore(forest, Explore("sines", 1, 1), Deeper(), _rng())


def test_a_root_without_leaves_is_its_own_only_subskill() -> None:
    proposer = TaskProposer({"algebra": ("algebra",), "geometry": ("geometry",)})
    bare = Forest.bare(("algebra", "geometry"), 2)
    forest = explore(bare, Explore("algebra", 2, 3), proposer, _rng())
    assert forest.known("algebra") == ("algebra",)
    assert explore(forest, Explore("algebra", 1, 3), proposer, _rng()) == forest
    assert forest.plan({"algebra": ("algebra",)}, _rng()).orders == (Order("algebra", 3),)


def _answer(score: float) -> Prediction:
    return Prediction(Example("p", "t", "angles"), "r", score)


def test_accuracy_on_own_data_is_pooled_over_steps_and_says_when_it_was_not_measured() -> None:
    """Right 1 of 2, then 1 of 1, one not graded: 2 of 3; sqrt(2/3 * 1/3 / 3) = 0.272."""
    forest = explore(Forest.bare(LEAVES, 8), Explore("geometry", 1, 1), PROPOSER, _rng())
    assert forest.trees["geometry"][0].own.n == 0
    for scores in ((1.0, 0.0), (1.0, math.nan), (math.nan,)):
        forest = forest.answered({"angles": [_answer(score) for score in scores]})
    own = forest.trees["geometry"][0].own
    assert (own.n, own.mean, own.stderr) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(0.2722, abs=1e-4),
    )


def test_the_history_of_a_root_is_its_moves_with_what_they_gained() -> None:
    low, high = Score(10, 0.2, 0.1), Score(10, 0.5, 0.1)
    first = Experience("geometry", 1, Explore("geometry", 1, 4, reason="it is weak"), low, high)
    second = Experience("algebra", 1, Exploit("algebra", {}), Score.nothing(), high)
    forest = Forest.bare(LEAVES, 8).remembering([first]).remembering([second])
    assert forest.past("geometry") == (first,)
    assert first.gain == pytest.approx(0.3)
    assert second.gain is None
