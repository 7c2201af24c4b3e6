"""What is drawn depends on the seed and on its own name, and is as random as if it did not."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.streams import Streams, chance, order_of


def streams(seed: int = 0) -> Streams:
    return Streams(np.random.default_rng(seed))


def test_a_stream_is_a_function_of_seed_and_name() -> None:
    names = [("a",), ("a", None), ("a", 0.0), ("a", 1.0), ("b",), ("a, b",), ("a", "b")]
    one, other = streams(), streams()
    drawn = [one.of(*name).random() for name in names]
    assert [other.of(*name).random() for name in reversed(names)] == drawn[::-1]
    assert len(set(drawn)) == len(names)
    assert streams(1).of("a").random() not in drawn


def test_a_stream_that_is_asked_for_again_goes_on() -> None:
    one, other = streams(), streams()
    assert [one.of("a").random() for _ in range(3)] == other.of("a").random(3).tolist()


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("efgh")), st.integers(0, 99))
def test_what_two_lists_share_comes_in_one_order(few: list[str], more: list[str], n: int) -> None:
    """Repetitions too: of the first list everything is in the second, shuffled among the rest."""
    both = sorted(few + more)
    alone = [few[i] for i in order_of(few, n)]
    assert [both[i] for i in order_of(both, n) if both[i] in few] == alone
    assert sorted(order_of(both, n)) == list(range(len(both)))


def test_all_orders_are_equally_likely() -> None:
    """Each of six comes up in 1000 +- 29 of 6000; four and a half standard deviations allowed."""
    found = Counter(tuple(order_of("abc", n)) for n in range(6000))
    assert found.keys() == set(permutations(range(3)))
    assert all(count == pytest.approx(1000, abs=4.5 * 29) for count in found.values())


def test_chance_is_the_same_in_every_process() -> None:
    """BLAKE2b with 6 bytes of the text ``('a', 1)``, as ``b2sum -l 48`` gives it, over 2**48."""
    assert chance("a", 1) == 0x0D8AA442780C / 2**48


def test_chance_is_uniform() -> None:
    """The mean of 10 000 uniform numbers has the standard error sqrt(1/12 / 10 000) = 0.0029."""
    drawn = np.array([chance("key", i) for i in range(10_000)])
    assert 0 <= drawn.min() < 0.001 < 0.999 < drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.0087)


def test_keys_are_told_apart() -> None:
    assert len({chance("ab", "c"), chance("a", "bc"), chance("abc"), chance("ab", "c", "")}) == 4
