"""``skill-it``: more of the skills whose dependent skills still have a high loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.agents.curricula.rule import NamedRule, softmax
from teachgym.errors import UnknownSkillError, require_known
from teachgym.settings import Kept, NotNegative, checked
from teachgym.types import FloatArray

EDGE = 0.5
"""Weight of an edge between two skills; that of a skill to itself is 1."""


@checked
@dataclass(eq=False, kw_only=True)
class SkillIt(NamedRule):
    """Shares proportional to exp(eta sum_j A_ij sum of the last ``window`` losses of j).

    Chen et al. 2023 (arXiv 2307.14430), algorithm 1; A_ij > 0 where training on i helps j. The
    first mixture is by the graph alone, with a loss of 1 everywhere.

    Differences:

    * The published graph is estimated beforehand from a training run for every skill and every
      pair of them, about n^2 runs. Here it is given in ``edges``, at whatever it cost to know, and
      is the identity if it is not: the paper's ablation without a graph.
    * Edges weigh 1/2, as in the paper's synthetic tasks, without damping over rounds.

    Raises:
        UnknownSkillError: for a skill that is no arm.
    """

    eta: NotNegative = 0.2
    """The sensitivity of shares to losses, >= 0."""
    window: Kept = 3
    """Evaluations whose losses are added up, >= 1."""
    edges: Mapping[str, Sequence[str]] | None = None
    """``{skill: [skills that it helps]}``."""

    def __post_init__(self) -> None:
        self.graph = np.eye(len(self.names))
        places = {name: place for place, name in enumerate(self.names)}
        for skill, helped in (self.edges or {}).items():
            require_known("skill", (skill, *helped), self.names, UnknownSkillError)
            for name in set(helped) - {skill}:
                self.graph[places[skill], places[name]] = EDGE
        self._losses = deque[FloatArray](maxlen=self.window)

    def plan(self, measured: FloatArray) -> FloatArray:
        """See ``Rule``."""
        first = not self._losses
        self._losses.append(measured)
        total = np.ones(len(measured)) if first else np.sum(self._losses, axis=0)
        return softmax(self.eta * self.graph @ total)
