"""``grounded-proposer``: learns from the gains of copies of the student on its proposals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.agents.lookahead import Ahead, try_out
from teachgym.agents.methods.proposers import Policy
from teachgym.metrics import advantages
from teachgym.protocols import Teacher
from teachgym.settings import CountFromTwo, NotNegative, checked


class GroundedProposer(Teacher[Any, NDArray[np.float32]]):
    """Rewards its policy with the gains of copies of the student that train on its problems.

    The reward of SOAR (Sundaram et al. 2026, arXiv 2601.18778): a proposer is trained by the change
    of a student that was trained on its problems, measured on problems that are to be solved,
    instead of by how hard they look. The group is of ``n`` allocations of the step, each of
    ``problems`` draws from the policy. The best of them is the step that is made, as the student
    that gained the most goes on there.

    Differences, besides those of all proposers: the student is trained by its trainer, on right
    answers, and not by reinforcement; the gain is on all of ``val``, not on what it fails; every
    step goes on from the best copy, there only those above a bar. Copies are charged in full.

    Args:
        ahead: names and sizes, and the right to try.
        n: allocations in a group, >= 2.
        problems: draws in each.
        rate: of learning, >= 0.
    """

    name = "grounded-proposer"

    @checked
    def __init__(
        self,
        ahead: Ahead[Cells],
        *,
        n: CountFromTwo = 4,
        problems: CountFromTwo = 16,
        rate: NotNegative = 4.0,
    ) -> None:
        self.cells, self.lookahead = ahead.known, ahead.lookahead
        self.n, self.problems, self.rate = n, problems, rate
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a policy that knows nothing."""
        self._rng = np.random.default_rng(seed)
        self.policy = Policy(int(np.prod(self.cells.shape)), self.rate)

    def act(self, observation: Any) -> NDArray[np.float32]:
        """The allocation with the largest gain of a group, (n_skills, n_levels)."""
        counts = self._rng.multinomial(self.problems, self.policy.chances, size=self.n)
        actions = [self.cells.spend(own.reshape(self.cells.shape)) for own in counts]
        _, tried = try_out(self.lookahead, actions)
        if not tried:
            return actions[0]
        rewards = np.array([one.reward for one in tried])
        self.policy.learn(counts[: len(tried)] / self.problems, advantages(rewards))
        return actions[int(np.argmax(rewards))]
