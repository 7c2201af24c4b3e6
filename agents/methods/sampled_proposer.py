"""``uncertainty-proposer``, ``difficulty-proposer``: learn from the agreement of samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.agents.methods.proposers import Policy
from teachgym.errors import BudgetError, ConfigError
from teachgym.metrics import advantages, nearest_level
from teachgym.protocols import Teacher
from teachgym.settings import CountFromTwo, Few, NotNegative, Share, checked
from teachgym.streams import draw_seed
from teachgym.types import FloatArray, Items, Obs


class SampledProposer(Teacher[Obs, NDArray[np.float32]]):
    """Rewards its policy by the agreement of the student's sampled answers to its problems.

    With p the share of the most frequent of ``samples`` answers to a problem, which needs no right
    answer:

    * ``uncertainty``: max(0, 1 - 2 |p - 1/2| - penalty n / N), n of the N problems of a step being
      of the same cell: R-Zero (Huang et al. 2025, arXiv 2508.05004). It finds
      repetitions by BLEU, here they are of a cell.
    * ``difficulty``: 1 - p, of which the highest of every eight problems is learned from and the
      others are not: QueST (Hu et al. 2025, arXiv 2510.17715), whose generator is tuned on the
      hardest of eight. There it is the vote of programs over outputs. As there, what cannot be
      solved looks hard.

    Problems are drawn from the task's training pool and not trained on; the step is ordered by
    the policy. What cannot be paid leaves the policy as it is.

    Args:
        cells: names and sizes, and the student.
        reward: ``uncertainty`` or ``difficulty``.
        problems: drawn in each step, N.
        samples: answers to each, at temperature 1.
        rate: of learning, >= 0; with 0 the policy stays uniform.
        penalty: of repetitions, >= 0.
        exploration: share of a step that is divided equally.
    """

    name: str = "uncertainty-proposer"

    @checked
    def __init__(
        self,
        cells: Cells,
        *,
        reward: Literal["uncertainty", "difficulty"] = "uncertainty",
        problems: CountFromTwo = 64,
        samples: Few = 8,
        rate: NotNegative = 4.0,
        penalty: NotNegative = 1.0,
        exploration: Share = 0.1,
    ) -> None:
        if cells.probes is None:
            raise ConfigError("proposers ask the student, and here no student can be probed")
        self.cells, self.probes, self.reward = cells, cells.probes, reward
        self.problems, self.samples, self.rate = problems, samples, rate
        self.penalty, self.exploration = penalty, exploration
        self.name = f"{reward}-proposer"
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a policy that knows nothing."""
        self._rng = np.random.default_rng(seed)
        self.policy = Policy(int(np.prod(self.cells.shape)), self.rate)
        self._places: list[list[int]] | None = None

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Learn from an exam of drawn problems, and divide the step, (n_skills, n_levels)."""
        drawn = self._draw()
        with suppress(BudgetError):
            self._learn(drawn, self._shares([place for _, place in drawn]))
        shares = self.policy.chances.reshape(self.cells.shape)
        return self.cells.spend(shares, exploration=self.exploration)

    def _draw(self) -> list[tuple[int, int]]:
        """Cells by their chances, each with the place of a training item, where it has any."""
        if self._places is None:
            self._places = [[] for _ in self.policy.logits]
            for place, (skill, level) in enumerate(self.probes.labels(Items("train"))):
                if skill in self.cells.skills:
                    row = self.cells.skills.index(skill) * len(self.cells.levels)
                    cell = row + nearest_level(self.cells.levels, level)
                    self._places[cell].append(place)
        chosen = self._rng.choice(len(self._places), self.problems, p=self.policy.chances).tolist()
        pairs = [(cell, self._places[cell]) for cell in chosen if self._places[cell]]
        return [(cell, own[self._rng.integers(len(own))]) for cell, own in pairs]

    def _shares(self, places: Sequence[int]) -> FloatArray:
        """The share of the most frequent answer to each, (n_places,); raises ``BudgetError``."""
        seed = draw_seed(self._rng)
        items = Items("train", tuple(places))
        answers = self.probes.sample(items, k=self.samples, seed=seed) if places else []
        most = [Counter(texts).most_common(1)[0][1] for texts in answers]
        return np.array(most, dtype=np.float64) / self.samples

    def _learn(self, drawn: Sequence[tuple[int, int]], agreed: FloatArray) -> None:
        cells = np.array([cell for cell, _ in drawn], dtype=np.intp)
        if not len(cells):
            return
        if self.reward == "difficulty":
            eights = np.array_split(np.arange(len(cells)), max(len(cells) // 8, 1))
            kept = [group[np.argmin(agreed[group])] for group in eights]
            return self.policy.learn(self._one_hot(cells[kept]), np.ones(len(kept)))
        repeated = np.bincount(cells)[cells] / len(cells)
        paid = np.maximum(0, 1 - 2 * np.abs(agreed - 0.5) - self.penalty * repeated)
        self.policy.learn(self._one_hot(cells), advantages(paid))

    def _one_hot(self, cells: NDArray[np.intp]) -> FloatArray:
        return np.eye(len(self.policy.logits))[cells]
