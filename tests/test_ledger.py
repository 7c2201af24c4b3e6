"""The ledger: asks before, records after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import BudgetError
from teachgym.ledger import Ledger
from teachgym.types import Budget, Cost


def test_asking_spends_nothing() -> None:
    ledger = Ledger(Budget(dollars=1.0))
    ledger.require(Cost(dollars=1.0))
    assert ledger.spent == Cost()


def test_the_error_names_currency_amount_and_limit() -> None:
    ledger = Ledger(Budget(examples=10), Cost(examples=8))
    with pytest.raises(BudgetError, match="examples: 3 more would make 11 of 10"):
        ledger.require(Cost(examples=3))


@given(st.lists(st.integers(0, 20)), st.integers(1, 50))
def test_who_asks_first_never_passes_the_limit(amounts: list[int], limit: int) -> None:
    ledger = Ledger(Budget(train_tokens=limit))
    for amount in amounts:
        if ledger.allows(Cost(train_tokens=amount)):
            ledger.record(Cost(train_tokens=amount))
    assert ledger.spent.train_tokens <= limit
    assert ledger.remaining("train_tokens") == limit - ledger.spent.train_tokens
