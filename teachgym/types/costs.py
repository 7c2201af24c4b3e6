"""Costs and budgets in money, tokens and time."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np

from teachgym.errors import ConfigError
from teachgym.settings import Amount, Limit, Steps, checked


@dataclass(frozen=True, slots=True)
class Cost:
    """The amount spent in every currency: finite and >= 0. Costs can be added.

    Raises:
        ConfigError: for any other amount.
    """

    steps: int = 0
    """Environment steps."""
    examples: int = 0
    """Training examples accepted by the gate."""
    teacher_calls: int = 0
    teacher_tokens_in: int = 0
    teacher_tokens_out: int = 0
    dollars: float = 0.0
    train_tokens: int = 0
    """Tokens the student was trained on, prompts included, counted once per pass."""
    generated_tokens: int = 0
    """Tokens the student generated for evaluations and probes, and where training samples it."""
    seconds: float = 0.0
    """Wall-clock seconds; the one currency that differs between equal runs."""

    def __post_init__(self) -> None:
        for currency in CURRENCIES:
            amount = getattr(self, currency)
            if not _is_amount(amount):
                raise ConfigError(
                    f"Cost.{currency} is {amount!r:.40}; spending must be finite and at least 0"
                )

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, c) + getattr(other, c) for c in CURRENCIES))

    def __sub__(self, earlier: Cost) -> Cost:
        return Cost(*(getattr(self, c) - getattr(earlier, c) for c in CURRENCIES))

    def as_dict(self) -> dict[str, float]:
        """Currency name to amount."""
        return asdict(self)


def _is_amount(amount: object) -> bool:
    """Whether it is a finite number of at least 0."""
    try:
        return 0 <= amount < math.inf and not isinstance(amount, bool)  # type: ignore[operator]
    except (TypeError, ValueError):  # No number, or several.
        return False


CURRENCIES: tuple[str, ...] = tuple(f.name for f in fields(Cost))
"""Names of the currencies, in the order of every array over them, shape (n_currencies,)."""


@checked
@dataclass(frozen=True, slots=True)
class Budget:
    """The limit of an episode in each currency; None = unlimited."""

    steps: Steps | None = None
    examples: Limit | None = None
    teacher_calls: Limit | None = None
    teacher_tokens_in: Limit | None = None
    teacher_tokens_out: Limit | None = None
    dollars: Amount | None = None
    train_tokens: Limit | None = None
    generated_tokens: Limit | None = None
    seconds: Amount | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits, by currency; currencies without a limit are left out."""
        return {c: limit for c in CURRENCIES if (limit := getattr(self, c)) is not None}

    def remaining(self, spent: Cost) -> dict[str, float]:
        """Amount left per currency, never below 0; ``inf`` where unlimited."""
        return {c: max(0, self._limit(c) - getattr(spent, c)) for c in CURRENCIES}

    def allows(self, spent: Cost) -> bool:
        """Whether ``spent`` is within every limit."""
        return not self.exceeded(spent)

    def exceeded(self, spent: Cost) -> tuple[str, ...]:
        """Currencies in which ``spent`` is over its limit."""
        return tuple(c for c in CURRENCIES if getattr(spent, c) > self._limit(c))

    def lacking(self, spent: Cost, cost: Cost) -> tuple[str, ...]:
        """Currencies of which ``cost`` would take more than is left.

        A limit that was passed before, as by calls in flight, forbids nothing that is free of it.
        """
        return tuple(c for c in self.exceeded(spent + cost) if getattr(cost, c))

    def exhausted(self, spent: Cost) -> tuple[str, ...]:
        """Currencies of which nothing is left."""
        return tuple(c for c in CURRENCIES if getattr(spent, c) >= self._limit(c))

    def fractions_left(self, spent: Cost) -> np.ndarray:
        """Share of each limit that is left, in [0, 1]; 1 where unlimited. Shape (n_currencies,)."""
        left = self.remaining(spent)
        shares = [1.0 if math.isinf(left[c]) else left[c] / self._limit(c) for c in CURRENCIES]
        return np.array(shares, dtype=np.float32)

    def _limit(self, currency: str) -> float:
        limit: float | None = getattr(self, currency)
        return math.inf if limit is None else limit
