"""How a chat model writes training data: calls, examples shown, stages, votes and checks."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.errors import ConfigError
from teachgym.typed import require_types


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """The choices of a ``teachgym.engines.writer.Writer``; plain JSON values.

    Raises:
        ConfigError: for a value of another type or out of its range.
    """

    per_call: int = 10
    """Most problems asked for in one call, and most of an order's seeds shown in one; >= 1."""
    shots: int = 3
    """Training examples shown in a call, the seeds of the order included; >= 0."""
    refills: int = 2
    """Most calls for an order beyond the fewest that could fill it; >= 0."""
    shown_tokens: int = 1500
    """Most tokens, by estimate, of earlier problems shown in a call; >= 0."""
    stages: int = 1
    """1: a problem comes with its solution; 2: problems first, then one call for each solution."""
    votes: int = 1
    """Solutions to each problem, of which the most frequent answer is kept; >= 1."""
    agreement: float = 0.5
    """Share of the votes, in (0, 1], that the most frequent answer needs for the problem to be
    kept. Votes that were lost or cannot be read count as votes for nothing. Not used if
    ``votes`` is 1."""
    verify: bool = True
    """Whether examples are dropped whose target the task does not call right."""
    rejected: bool = False
    """Whether examples get a wrong response, for preference losses: with votes, a solution that
    lost (none if all agree); without, one that the chat model is asked for."""

    def __post_init__(self) -> None:
        require_types(self)
        least = {"per_call": 1, "shots": 0, "refills": 0, "shown_tokens": 0, "votes": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be {low} or more")
        if self.stages not in (1, 2):
            raise ConfigError(f"stages is {self.stages}; it must be 1 or 2")
        if not 0 < self.agreement <= 1:
            raise ConfigError(f"agreement is {self.agreement}; it must be above 0, at most 1")
