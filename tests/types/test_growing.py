"""``Growing`` is a tuple to whoever looks at it, and ``Seen`` a set with an order."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.gate import Seen
from teachgym.types import Growing

FORKS = st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(), max_size=4)), max_size=30)


@given(FORKS)
def test_whatever_is_forked_and_lengthened_is_what_tuples_would_be(
    steps: list[tuple[int, list[int]]],
) -> None:
    """Each step lengthens one of the sequences that there are, old ones too."""
    made: list[tuple[Growing[int], tuple[int, ...]]] = [(Growing(), ())]
    for which, more in steps:
        grown, model = made[which % len(made)]
        made.append((grown.longer(more), (*model, *more)))
    for grown, model in made:
        assert tuple(grown) == model
        assert grown == model
        assert model == grown
        assert (len(grown), grown[1:-1], hash(grown)) == (len(model), model[1:-1], hash(model))
        assert [grown[i] for i in range(-len(model), len(model))] == [*model, *model]
        assert copy.deepcopy(grown) == pickle.loads(pickle.dumps(grown)) == grown
        with pytest.raises(IndexError):
            grown[len(model)]


def test_a_longer_one_copies_nothing_and_a_second_branch_leaves_the_first_alone() -> None:
    one = Growing(range(3))
    two = one.longer([3])
    assert two._items is one._items
    other = one.longer([4])
    assert other._items is not one._items
    assert (one, two, other) == ((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 4))
    assert one != (0, 1)
    assert one != [0, 1, 2]


@given(st.lists(st.lists(st.text("abc", max_size=2)), max_size=8), st.data())
def test_what_was_seen_keeps_its_order_and_says_what_is_new(
    batches: list[list[str]], data: st.DataObject
) -> None:
    seen = Seen()
    for batch in batches:
        before = len(seen)
        seen.add(batch)
        assert seen.since(before) == list(seen)[before:]
    expected = list(dict.fromkeys(prompt for batch in batches for prompt in batch))
    assert list(seen) == expected
    count = data.draw(st.integers(0, len(expected)))
    assert seen.since(count) == expected[count:]
    assert all(prompt in seen for prompt in expected)
    assert "d" not in seen
