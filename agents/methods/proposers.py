"""Proposers: teachers that learn a policy over cells from the worth of the drawn problems.

A proposer draws problems, is paid for them, and moves its logits along the gradient of the
log-probability of what it drew, as far as that was worth more than the rest of its group: policy
gradient with the advantages of GRPO (Shao et al. 2024, arXiv 2402.03300, section 4.1)::

    theta <- theta + rate mean_i A_i (x_i - pi),     x_i: the shares of what was drawn

In published self-play, proposer and solver are language models and a problem is a text. Here who
solves is the student, a problem is one of a skill at a level, and which to order is learned.
"""

from __future__ import annotations

import numpy as np

from teachgym.agents.curricula.rule import softmax
from teachgym.types import FloatArray


class Policy:
    """Probabilities of ``n`` cells, equal at the beginning."""

    def __init__(self, n: int, rate: float) -> None:
        self.logits, self.rate = np.zeros(n), rate

    @property
    def chances(self) -> FloatArray:
        """The probabilities, (n,), with sum 1."""
        return softmax(self.logits)

    def learn(self, drawn: FloatArray, worth: FloatArray) -> None:
        """Move towards ``drawn``, the shares of each try, (n_tries, n), by its ``worth``."""
        self.logits = self.logits + self.rate * (worth @ (drawn - self.chances)) / len(worth)
