"""The one place where an episode's spending is added up and held against its budget."""

from __future__ import annotations

from teachgym.errors import BudgetError
from teachgym.types import Budget, Cost, Incident


class Ledger:
    """What has been spent of a budget, and what happened on the way.

    Whoever is about to spend asks first (``require``) and records afterwards what it really
    cost (``record``), so a limit is never passed. Two prices are not known in advance: wall-clock
    seconds are only recorded, and a call to a chat model may begin while anything is left
    (``exhausted``). A ledger is a ``protocols.Purse``.

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

    def require(self, cost: Cost) -> None:
        """Raise ``BudgetError`` if ``cost`` is more than what is left; spend nothing."""
        for currency in self.budget.exceeded(self.spent + cost):
            amount, after = getattr(cost, currency), getattr(self.spent + cost, currency)
            limit = getattr(self.budget, currency)
            raise BudgetError(
                f"{currency}: {amount} more would make {after} of {limit}; raise Budget.{currency}"
            )

    def allows(self, cost: Cost) -> bool:
        """Whether ``cost`` could be spent now."""
        return self.budget.allows(self.spent + cost)

    def exhausted(self) -> tuple[str, ...]:
        """Currencies of which nothing is left."""
        return self.budget.exhausted(self.spent)

    def record(self, cost: Cost) -> None:
        """Add what was really spent."""
        self.spent = self.spent + cost

    def note(self, incident: Incident) -> None:
        """Write down what the numbers do not show."""
        self.incidents.append(incident)

    def remaining(self, currency: str) -> float:
        """What is left of one currency; ``inf`` if unlimited."""
        return self.budget.remaining(self.spent)[currency]
