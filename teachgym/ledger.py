"""The one place where an episode's spending is added up and held against its budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from teachgym.capability import Capability
from teachgym.errors import BudgetError, ConfigError
from teachgym.types import CURRENCIES, Budget, Cost, Incident


class Ledger:
    """The spending of a budget so far, and the incidents on the way.

    Whoever is about to spend asks first (``require``) and records afterwards what it really
    cost (``record``), so a limit is never passed. Two prices are not known in advance: wall-clock
    seconds are only recorded, and a call to a chat model may begin while anything is left
    (``exhausted``). A ledger is a ``protocols.Meter``, but who writes gets its ``meter``.

    Example:
        >>> ledger = Ledger(Budget(examples=10))
        >>> ledger.record(Cost(examples=8))
        >>> ledger.remaining("examples")
        2
        >>> ledger.require(Cost(examples=3))
        Traceback (most recent call last):
        ...
        teachgym.errors.BudgetError: examples: 3 more would make 11 of 10; raise Budget.examples
    """

    def __init__(self, budget: Budget, spent: Cost | None = None) -> None:
        self.budget = budget
        self.reset(spent)

    def reset(self, spent: Cost | None = None) -> None:
        """Start again, from ``spent`` and without incidents."""
        self.spent = spent or Cost()
        self.incidents: list[Incident] = []
        self.calls: list[str] = []
        """Keys of the recorded calls of chat models since the last step."""

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Whatever is raised within has spent nothing and noted nothing when it leaves."""
        spent, incidents, calls = self.spent, list(self.incidents), list(self.calls)
        try:
            yield
        except BaseException:
            self.spent, self.incidents[:], self.calls[:] = spent, incidents, calls
            raise

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Charge for the seconds that are spent within, unless it raises."""
        started = perf_counter()
        yield
        self.record(Cost(seconds=perf_counter() - started))

    def require(self, cost: Cost) -> None:
        """Raise ``BudgetError`` if ``cost`` is more than what is left; spend nothing."""
        for currency in self.budget.lacking(self.spent, cost):
            amount, after = getattr(cost, currency), getattr(self.spent + cost, currency)
            limit = getattr(self.budget, currency)
            raise BudgetError(
                f"{currency}: {amount} more would make {after} of {limit}; raise Budget.{currency}"
            )

    def allows(self, cost: Cost) -> bool:
        """Whether ``cost`` could be spent now."""
        return not self.budget.lacking(self.spent, cost)

    def exhausted(self) -> tuple[str, ...]:
        """Currencies of which nothing is left."""
        return self.budget.exhausted(self.spent)

    def record(self, cost: Cost) -> None:
        """Add what was really spent.

        Raises:
            ConfigError: for what is no ``Cost``, or one whose amounts are not finite and >= 0.
        """
        if not isinstance(cost, Cost):
            raise ConfigError(f"{cost!r:.80} is not a Cost; record what was spent as one")
        # Made anew, so that an amount that was changed after the cost was made is checked, too.
        self.spent = self.spent + Cost(*(getattr(cost, currency) for currency in CURRENCIES))

    def give_back(self, cost: Cost, *, least: Cost) -> None:
        """Undo a charge for what is charged again; ``least`` was spent before, and stays spent.

        Sums of dollars are rounded, so that without it a charge could take more with it.
        """
        kept = {c: getattr(self.spent, c) - getattr(cost, c) for c in CURRENCIES}
        self.spent = Cost(**{c: max(amount, getattr(least, c)) for c, amount in kept.items()})

    def pay_for_answers(self, tokens: int) -> bool:
        """Charge for an evaluation; False, and all that is left, if the limit ends it early."""
        left = self.remaining("generated_tokens")
        self.record(Cost(generated_tokens=int(min(tokens, left))))
        if tokens > left:
            self.note(Incident("unfinished", f"{tokens} tokens for val, {left:g} left"))
        return tokens <= left

    def note(self, incident: Incident) -> None:
        """Write down what the numbers do not show; raises ``ConfigError`` for another type."""
        if not isinstance(incident, Incident):
            raise ConfigError(f"{incident!r:.80} is not an Incident; note what happened as one")
        self.incidents.append(incident)

    def call(self, key: str) -> None:
        """Write down that a recorded call was made; raises ``ConfigError`` for what is no text."""
        if not isinstance(key, str):
            raise ConfigError(f"{key!r:.80} is not a key of a call; it must be a text")
        self.calls.append(key)

    def remaining(self, currency: str) -> float:
        """The rest of one currency; ``inf`` if unlimited."""
        return self.budget.remaining(self.spent)[currency]

    @property
    def meter(self) -> LedgerMeter:
        """A meter on this account for those who call chat models."""
        return LedgerMeter(self)


class LedgerMeter:
    """A ``protocols.Meter``: asks what is exhausted, charges and notes, and can do nothing else.

    The ledger cannot be reached from it: nothing can be paid back, forgotten or allowed.
    """

    __slots__ = ("_call",)

    def __init__(self, ledger: Ledger) -> None:
        self._call = Capability(
            exhausted=ledger.exhausted, record=ledger.record, note=ledger.note, call=ledger.call
        )

    def exhausted(self) -> tuple[str, ...]:
        """Currencies of which nothing is left."""
        currencies: tuple[str, ...] = self._call("exhausted")
        return currencies

    def record(self, cost: Cost) -> None:
        """Charge what was really spent; raises ``ConfigError`` for what is no cost."""
        self._call("record", cost)

    def note(self, incident: Incident) -> None:
        """Write down what the numbers do not show."""
        self._call("note", incident)

    def call(self, key: str) -> None:
        """Write down that a recorded call was made."""
        self._call("call", key)
