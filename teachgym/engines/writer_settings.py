"""The settings of a writer by chat model: calls, examples shown, stages, votes and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teachgym.errors import ConfigError
from teachgym.settings import Count, Few, FewOrNone, ShareAboveZero, checked


@checked
@dataclass(frozen=True, slots=True)
class WriterSettings:
    """The choices of a ``teachgym.engines.writer.Writer``; plain JSON values.

    Raises:
        ConfigError: for a value of another type or out of its range.
    """

    per_call: Few = 10
    """Most problems asked for in one call, and most of an order's seeds shown in one; >= 1."""
    shots: FewOrNone = 3
    """Training examples shown in a call, the seeds of the order included; >= 0."""
    refills: FewOrNone = 2
    """Most calls for an order beyond the fewest that could fill it; >= 0."""
    shown_tokens: Count = 1500
    """Most tokens, by estimate, of earlier problems shown in a call; >= 0."""
    stages: Literal[1, 2] = 1
    """1: a problem comes with its solution; 2: problems first, then one call for each solution."""
    votes: Few = 1
    """Solutions to each problem, of which the most frequent answer is kept; >= 1."""
    agreement: ShareAboveZero = 0.5
    """Share of the votes, in (0, 1], that the most frequent answer needs for the problem to be
    kept. Votes that were lost or cannot be read count as votes for nothing. Not used if
    ``votes`` is 1."""
    verify: bool = True
    """Whether examples are dropped whose target the task does not call right."""
    repairs: FewOrNone = 0
    """Most times that an example which the task does not call right is given back with what was
    found wrong, to be mended, >= 0; needs ``verify``, and ``votes`` of 1. After VeriCoder (arXiv
    2504.15659), which makes five attempts at the program or its tests."""
    style: Literal["new", "similar", "rephrase", "answer"] = "new"
    """The use of an order's seeds; but for ``new``, of training examples if it has none.
    ``new``: problems that vary them; ``similar``: problems like each, as in LLM2LLM (Lee et al.
    2024, arXiv 2403.15042); ``rephrase``: the same in other words; ``answer``: another answer to
    the same text (the last two are engines of Chan et al. 2024, arXiv 2409.19759)."""
    shows_wrong: bool = False
    """Whether an order's hint is a student's wrong answer to its seeds, which is shown beside them
    so that what is written sets its mistake right. Learn-to-Reason (Wang et al. 2023, arXiv
    2310.13332) shows it, with ``style="answer"``; LLM2LLM does not."""
    rejected: bool = False
    """Whether examples get a wrong response, for preference losses: with votes, a solution that
    lost (none if all agree); without, one that the chat model is asked for."""

    def __post_init__(self) -> None:
        if self.repairs and (self.votes > 1 or not self.verify):
            raise ConfigError(
                f"repairs is {self.repairs}, with votes={self.votes} and verify={self.verify}; it "
                "must be 0, or votes 1 and verify true"
            )
        if self.style == "answer" and self.stages == 2:
            raise ConfigError(
                "stages is 2 and style 'answer', which writes no problems; set stages to 1"
            )
