"""``less``: chooses the examples that move the weights as target examples do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np

from teachgym.errors import ConfigError
from teachgym.gate.filters.filter import Asking, Memory, all_but_highest
from teachgym.protocols import Probes, Task
from teachgym.settings import CountFromOne, Few, ShareAboveZero, checked
from teachgym.types import Data, Items


@checked
@dataclass(frozen=True, slots=True)
class Less(Asking):
    """Keeps the share of the batch whose gradients are most like those of some skill's items.

    LESS (Xia et al. 2024, arXiv 2402.04333, section 3 and algorithm 1)::

        score(z) = max over skills j of cos(grad l(z), mean over items z' of j of grad l(z'))

    and the highest 5 % are trained on. Differences: there the cosines are summed over checkpoints
    of a warm-up run, weighted by learning rates, and the gradient of z is what Adam makes of it;
    here the student as it is tells plain gradients at every step, since no optimizer outlives a
    training run. The projection is a count sketch in place of a dense matrix of signs. Gradients
    of items are taken at unit length before their mean, so that no long one decides. Items are
    the task's ``train``, unless ``val``, which the paper's are, is asked for: then what is chosen
    by is what rewards measure, and gains on ``val`` flatter more than usual.

    Raises:
        ConfigError: for a task without items of that split.
    """

    task: Task
    share: ShareAboveZero = 0.05
    """The share of the batch, rounded up, in (0, 1]."""
    target: Literal["train", "val"] = "train"
    """The split whose items say what is wanted."""
    items: Few = 4
    """Items of each skill, >= 1, drawn anew at every step; their tokens are charged, too."""
    dimensions: CountFromOne = 1024
    """The dimensions of the projection, >= 1; the paper has 8192."""

    def __post_init__(self) -> None:
        if not self.task.examples(self.target):
            raise ConfigError(f"task {self.task.name!r} has no {self.target} items to choose by")

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        by_skill: dict[str, list[int]] = defaultdict(list)
        for place, (skill, _) in enumerate(probes.labels(Items(self.target))):
            by_skill[skill].append(place)
        drawn = [rng.permutation(places)[: self.items].tolist() for places in by_skill.values()]
        items = Items(self.target, tuple(place for places in drawn for place in places))
        wanted = np.split(
            unit(probes.gradients(items, dimensions=self.dimensions)),
            np.cumsum([len(places) for places in drawn])[:-1],
        )
        targets = unit(np.stack([gradients.mean(axis=0) for gradients in wanted]))
        own = unit(probes.gradients(data, dimensions=self.dimensions))
        return all_but_highest(influence(own, targets).tolist(), self.share, "influence")


def influence(own: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The highest cosine of each row of ``own`` (n, D) with one of ``targets`` (J, D); (n,)."""
    highest: np.ndarray = (own @ targets.T).max(axis=1)
    return highest


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to length 1; rows of zeros stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
