"""``plr``: prioritised level replay, which returns to the most surprising levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import NamedRule
from teachgym.settings import Kept, Positive, Share, checked
from teachgym.types import FloatArray


def rank_shares(scores: FloatArray, temperature: float, rng: np.random.Generator) -> FloatArray:
    """rank^(-1 / temperature) / sum, (n,), rank 1 for the highest score, ties in random order.

    Example:
        >>> rank_shares(np.array([0.2, 0.5]), 1.0, np.random.default_rng(0)).round(4).tolist()
        [0.3333, 0.6667]
    """
    order = np.lexsort((rng.random(len(scores)), -scores))
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    weights = ranks ** (-1 / temperature)
    shares: FloatArray = weights / weights.sum()
    return shares


@checked
@dataclass(eq=False, kw_only=True)
class PrioritizedLevelReplay(NamedRule):
    """Draws ``slots`` arms for a step: new ones, or seen ones with a high score or long unseen.

    Jiang et al. 2021 (arXiv 2010.03934), sections 3 and 4. With probability (share of arms seen)
    a draw is a replay, else it is one of the unseen arms (their proportionate schedule). Replays
    are drawn from

        (1 - staleness) P_score + staleness P_stale

    over the arms seen: P_score is proportional to rank^(-1 / temperature), P_stale to the draws
    since an arm's last one.

    Differences:

    * The score is that of an agent with a value function: the mean size of its advantages, by how
      much returns differ from what was expected. Here it is the size of the change of accuracy in
      the step that last trained the arm: what came out, against what was known before.
    * A step trains on ``slots`` draws at once, and scores are updated after it. A level is an arm
      (a skill, or a skill at a level) that makes new examples each time, not one fixed game.
    """

    temperature: Positive = 0.1
    """> 0; the lower, the more goes to the highest ranks."""
    staleness: Share = 0.1
    """Weight of P_stale, in [0, 1]."""
    slots: Kept = 64
    """Draws of a step, >= 1; 64, as many as the paper's parallel games."""

    def __post_init__(self) -> None:
        self.scores = np.zeros(len(self.names))
        self.seen = np.zeros(len(self.names), dtype=bool)
        self.unplayed = np.zeros(len(self.names))  # Draws since the last one of each arm.
        self._counts = np.zeros(len(self.names))
        self._accuracy = np.zeros(len(self.names))

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        trained = self._counts > 0
        self.scores = np.where(trained, np.abs(measured - self._accuracy), self.scores)
        self.seen |= trained
        self._accuracy = measured
        self._counts = np.zeros(len(measured))
        for _ in range(self.slots):
            arm = self._draw()
            self._counts[arm] += 1
            self.unplayed += 1
            self.unplayed[arm] = 0
        return self._counts / self.slots

    def replay_shares(self) -> FloatArray:
        """The distribution of replays, (n_arms,), 0 for arms unseen; at least one must be seen."""
        shares, seen = np.zeros(len(self.scores)), self.seen
        waited = self.unplayed[seen]
        stale = waited / waited.sum() if waited.any() else np.full(len(waited), 1 / len(waited))
        ranked = rank_shares(self.scores[seen], self.temperature, self.rng)
        shares[seen] = (1 - self.staleness) * ranked + self.staleness * stale
        return shares

    def _draw(self) -> int:
        replays = self.rng.random() < self.seen.mean()
        shares = self.replay_shares() if replays else ~self.seen / (~self.seen).sum()
        return int(self.rng.choice(len(shares), p=shares))
