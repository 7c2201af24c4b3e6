"""What calls cost: list prices by model, and the size of a text whose tokens nobody counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CHARACTERS_PER_TOKEN: Final = 4
"""OpenAI's rule of thumb for English text."""

PRICES_OF: Final = "2025-08"
"""The month of the list prices below; see ``PRICES``."""

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens, both >= 0."""

    tokens_in: float
    tokens_out: float

    def dollars(self, tokens_in: int, tokens_out: int) -> float:
        """The price of one call.

        Example:
            >>> Price(2.0, 8.0).dollars(1_000_000, 500_000)
            6.0
        """
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


PRICES: Final[dict[str, Price]] = {
    "gpt-4o": Price(2.50, 10.00),
    "gpt-4o-2024-05-13": Price(5.00, 15.00),
    "gpt-4o-mini": Price(0.15, 0.60),
    "gpt-4.1": Price(2.00, 8.00),
    "gpt-4.1-mini": Price(0.40, 1.60),
    "gpt-4.1-nano": Price(0.10, 0.40),
    "o4-mini": Price(1.10, 4.40),
    "gpt-5": Price(1.25, 10.00),
    "gpt-5-mini": Price(0.25, 2.00),
    "gpt-5-nano": Price(0.05, 0.40),
}
"""OpenAI's list prices as known in ``PRICES_OF``, without discounts for caches and batches.

They were written down from memory and change without notice: where dollars matter, give your own
(the setting ``prices``).
"""


def find_price(model: str) -> Price | None:
    """The list price of a model, whose name may end in a date; None = not known.

    Example:
        >>> find_price("gpt-4o-2024-08-06")
        Price(tokens_in=2.5, tokens_out=10.0)
        >>> find_price("my-own-model")
    """
    return PRICES.get(model) or PRICES.get(_DATE.sub("", model))


def estimate_tokens(*texts: str) -> int:
    """Characters of all texts together, divided by ``CHARACTERS_PER_TOKEN`` and rounded up."""
    return -(-sum(map(len, texts)) // CHARACTERS_PER_TOKEN)
