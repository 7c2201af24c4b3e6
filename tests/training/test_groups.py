"""Groups: advantages and normalisations by hand, which responses count, and the rescue."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.training.datum import Sampled
from teachgym.training.groups import Group, Response, advantages, data_of, rescued, total_of
from teachgym.training.losses import Sft
from teachgym.training.policy_losses import Grpo, Kdrl, ReverseKl


def group(*rewards: float, length: int = 2) -> Group:
    """Responses of 1, 2, ... tokens with these rewards, to a prompt of ``length`` tokens."""
    responses = tuple(Response((7,) * (i + 1), reward) for i, reward in enumerate(rewards))
    return Group((5,) * length, responses)


def test_advantages_are_deviations_from_the_mean_in_standard_deviations() -> None:
    """Mean 1/2; squares 4 * 1/4 over 3 make the deviation 0.57735: 0.5 / 0.57745 = 0.86588."""
    found = advantages([1.0, 1.0, 0.0, 0.0], scaled=True)
    assert found == pytest.approx([0.86588, 0.86588, -0.86588, -0.86588], abs=5e-6)
    assert advantages([1.0, 1.0, 0.0, 0.0], scaled=False) == [0.5, 0.5, -0.5, -0.5]


def test_what_was_not_measured_is_no_part_of_the_baseline() -> None:
    assert advantages([1.0, math.nan, 0.0], scaled=False) == [0.5, 0.0, -0.5]
    assert advantages([1.0, math.nan, math.nan], scaled=True) == [0.0, 0.0, 0.0]


@given(st.lists(st.floats(0, 1, width=16), min_size=2, max_size=8), st.booleans())
def test_advantages_sum_to_nothing_and_keep_the_order(rewards: list[float], scaled: bool) -> None:
    found = advantages(rewards, scaled=scaled)
    assert sum(found) == pytest.approx(0.0, abs=1e-9)
    order = sorted(range(len(rewards)), key=rewards.__getitem__)
    assert all(found[i] <= found[j] + 1e-12 for i, j in pairwise(order))


def test_only_what_has_a_gradient_is_read() -> None:
    """Equal rewards teach GRPO nothing without a reference, and unmeasured ones nothing at all."""
    alike, mixed = group(0.0, 0.0), group(1.0, 0.0, math.nan)
    plain = data_of([alike, mixed], Grpo(beta=0.0), scaled=False, mean="tokens", progress=0.0)
    assert [d.sampled for d in plain] == [Sampled(0.5), Sampled(-0.5)]
    held = data_of([alike, mixed], Grpo(beta=0.3), scaled=False, mean="tokens", progress=0.0)
    assert [d.sampled for d in held] == [
        *[Sampled(0.0, 0.3)] * 2,
        *[Sampled(a, 0.3) for a in (0.5, -0.5, 0.0)],
    ]


def test_masks_look_at_the_response_and_at_its_group() -> None:
    groups = [group(1.0, 0.0), group(0.0, 0.0)]
    for on, pulls in (("wrong", [0, 5, 5, 5]), ("unsolved", [0, 0, 5, 5])):
        loss = Kdrl(beta=5.0, final_beta=5.0, on=on)  # type: ignore[arg-type]
        found = data_of(groups, loss, scaled=False, mean="tokens", progress=1.0)
        assert [d.sampled and d.sampled.pull for d in found] == pulls


def test_other_losses_get_all_responses_as_targets() -> None:
    ungraded = Group((5,), (Response((7,)), Response((8, 9))))
    found = data_of([ungraded], Sft(), scaled=True, mean="tokens", progress=0.0)
    assert [d.texts[0].ids for d in found] == [(5, 7), (5, 8, 9)]
    assert all(d.sampled is None for d in found)
    pulled = data_of([ungraded], ReverseKl(), scaled=True, mean="tokens", progress=0.0)
    assert [d.sampled for d in pulled] == [Sampled(0.0, 1.0)] * 2


def test_weights_and_totals_make_the_three_means() -> None:
    """Responses of 1 and 2 tokens, and one of 1 that teaches nothing and counts all the same.

    ``responses``: each token of the second is half of one of 3 responses; ``tokens``: one of 4;
    ``constant``: one of 3 times 10.
    """
    groups = [group(1.0, 0.0), group(1.0)]
    shares = {"responses": [1 / 3, 1 / 6, 1 / 6], "tokens": [1 / 4] * 3, "constant": [1 / 30] * 3}
    for mean, expected in shares.items():
        data = data_of(groups, Grpo(beta=0.0), scaled=True, mean=mean, progress=0.0)  # type: ignore[arg-type]
        total = total_of(groups, mean, 10)  # type: ignore[arg-type]
        weights = [w / total for d in data for w in d.texts[0].weights if w]
        assert weights == pytest.approx(expected)
        assert [d.texts[0].weights[:2] for d in data] == [(0.0, 0.0)] * 2


def test_a_group_with_nothing_right_gets_solutions_in_place_of_its_last_responses() -> None:
    """One solution of two: rewards 0, 0, 1 have the mean 1/3."""
    solutions = [Response((1, 2), 1.0, own=False), Response((3,), 1.0, own=False)]
    wrong = group(0.0, 0.0, 0.0)
    saved = rescued(wrong, solutions, 1)
    assert saved.responses == (*wrong.responses[:2], solutions[0])
    data = data_of([saved], Grpo(beta=0.0), scaled=False, mean="tokens", progress=0.0)
    assert [(d.sampled.advantage, d.sampled.own) for d in data if d.sampled] == [
        (pytest.approx(-1 / 3), True),
        (pytest.approx(-1 / 3), True),
        (pytest.approx(2 / 3), False),
    ]
    assert rescued(wrong, solutions, 5).responses == (wrong.responses[0], *solutions)
    assert rescued(wrong, (), 5) is wrong
    right = group(0.0, 1.0)
    assert rescued(right, solutions, 2) is right
