"""The ledger: asks before, records after."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import BudgetError, ConfigError
from teachgym.ledger import Ledger
from teachgym.types import CURRENCIES, Budget, Cost


def test_asking_spends_nothing() -> None:
    ledger = Ledger(Budget(dollars=1.0))
    ledger.require(Cost(dollars=1.0))
    assert ledger.spent == Cost()


def test_the_error_names_currency_amount_and_limit() -> None:
    ledger = Ledger(Budget(examples=10), Cost(examples=8))
    with pytest.raises(BudgetError, match="examples: 3 more would make 11 of 10"):
        ledger.require(Cost(examples=3))


def test_a_limit_that_was_passed_forbids_nothing_that_is_free_of_it() -> None:
    """Calls in flight may pass one; what was written by them can be trained on all the same."""
    ledger = Ledger(Budget(teacher_calls=10, train_tokens=5), Cost(teacher_calls=12))
    ledger.require(Cost(train_tokens=5))
    assert ledger.allows(Cost(train_tokens=5))
    assert not ledger.allows(Cost(train_tokens=6))
    with pytest.raises(BudgetError, match="teacher_calls: 1 more would make 13 of 10"):
        ledger.require(Cost(teacher_calls=1, train_tokens=5))


def test_seconds_are_charged_for_what_does_not_raise() -> None:
    ledger = Ledger(Budget())
    with ledger.timed():
        sum(range(1000))
    spent = ledger.spent
    assert spent.seconds > 0
    assert spent == Cost(seconds=spent.seconds)
    with pytest.raises(ZeroDivisionError), ledger.timed():
        1 / 0  # noqa: B018
    assert ledger.spent == spent


@given(st.lists(st.integers(0, 20)), st.integers(1, 50))
def test_who_asks_first_never_passes_the_limit(amounts: list[int], limit: int) -> None:
    ledger = Ledger(Budget(train_tokens=limit))
    for amount in amounts:
        if ledger.allows(Cost(train_tokens=amount)):
            ledger.record(Cost(train_tokens=amount))
    assert ledger.spent.train_tokens <= limit
    assert ledger.remaining("train_tokens") == limit - ledger.spent.train_tokens


NO_AMOUNTS: tuple[Any, ...] = (
    *(-1, -10, -1e-9, -math.inf, math.inf, math.nan, np.float64("nan"), np.int64(-3)),
    *(None, "3", True, 1j, [1], np.array([1, 2]), -(10**400)),
)


@pytest.mark.parametrize("currency", CURRENCIES)
@pytest.mark.parametrize("amount", NO_AMOUNTS, ids=repr)
def test_a_cost_is_finite_and_not_negative(currency: str, amount: Any) -> None:
    with pytest.raises(ConfigError, match=f"Cost.{currency} is "):
        Cost(**{currency: amount})


@given(
    st.sampled_from(CURRENCIES),
    st.one_of(st.floats(max_value=-1e-300), st.just(math.nan), st.integers(max_value=-1)),
)
def test_nothing_can_be_paid_back(currency: str, amount: float) -> None:
    """Neither by a cost that was changed after it was made, nor by what only looks like one."""
    ledger = Ledger(Budget(steps=9), Cost(*[5] * len(CURRENCIES)))
    changed = Cost()
    object.__setattr__(changed, currency, amount)
    alike = SimpleNamespace(**{**Cost().as_dict(), currency: amount})
    for meter in (ledger, ledger.meter):
        for cost in (changed, alike):
            with pytest.raises(ConfigError):
                meter.record(cost)  # type: ignore[arg-type]
    assert ledger.spent == Cost(*[5] * len(CURRENCIES))


def test_what_is_given_back_leaves_what_was_spent_before() -> None:
    """0.1 + 0.7 - 0.7 is below 0.1 in floats."""
    ledger = Ledger(Budget(), before := Cost(steps=2, dollars=0.1))
    ledger.record(price := Cost(steps=1, dollars=0.7))
    assert ledger.spent.dollars - price.dollars < 0.1
    ledger.give_back(price, least=before)
    assert ledger.spent == before
