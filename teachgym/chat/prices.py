"""The prices of calls, and estimates of uncounted tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from teachgym.types import Cost

BYTES_PER_TOKEN: Final = 4
"""OpenAI's rule of thumb for English text; other letters take several bytes, and more tokens."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens, both >= 0."""

    tokens_in: float
    tokens_out: float

    def cost(self, tokens_in: int, tokens_out: int, calls: int = 1) -> Cost:
        """The cost of calls with so many tokens in all.

        Example:
            >>> Price(2.0, 8.0).cost(1_000_000, 500_000).dollars
            6.0
        """
        dollars = (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6
        return Cost(0, 0, calls, tokens_in, tokens_out, dollars)


FREE = Price(0.0, 0.0)
"""The price of a model that nobody sells."""


def estimate_tokens(*texts: str) -> int:
    """Bytes of UTF-8 of all texts together, divided by ``BYTES_PER_TOKEN`` and rounded up.

    Example:
        >>> estimate_tokens("What is 2 + 2?"), estimate_tokens("€€€")
        (4, 3)
    """
    # Half a surrogate pair is no text, and is counted all the same.
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return -(-size // BYTES_PER_TOKEN)
