"""``interventions``: explains the few items that gain most under a model of the student."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Classroom
from teachgym.agents.methods.aiding import AidingTeacher, shown
from teachgym.agents.methods.exam import probes_of
from teachgym.settings import Few, Share, checked
from teachgym.types import Aid, Example, FloatArray, Items, Obs

Rank = Literal["utility", "confidence", "random"]


class Interventions(AidingTeacher):
    """Explains a share of the items of ``val``, those with the highest expected utility.

    Saha et al. 2023 (arXiv 2306.09299), section 4. The teacher has a budget of interventions and
    two models of the student, one that is helped and one that is not. Where it intervenes, its
    explanation stands before the prompt::

        U(x) = p_helped(right answer to x) - p_alone(right answer to x)

    Here an explanation is one solved exercise of the skill, and both models are the student's mean
    probability of right answers to ``fitted`` training exercises of the same skill, asked with the
    explanation and without it, which costs probes. In the paper a language model imitates the
    student from examples of its answers and names the answer to x itself; here all items
    of a skill have one utility, and chance decides between them, since no teacher may read them.
    Students of the paper explain their answers; these do not.

    Args:
        classroom: the task without its held-out splits.
        budget: share of the items that may be explained.
        rank: ``utility``; ``confidence`` = those first that the student alone answers least
            surely; ``random``.
        misaligned: whether the teacher wants wrong answers: it explains with the answer to another
            exercise, where that is expected to do most harm.
        fitted: exercises of each skill that the models are fitted to.
    """

    name = "interventions"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        budget: Share = 0.2,
        rank: Rank = "utility",
        misaligned: bool = False,
        fitted: Few = 3,
    ) -> None:
        super().__init__(classroom)
        self.budget, self.rank, self.misaligned, self.fitted = budget, rank, misaligned, fitted

    def choose(self, observation: Obs) -> tuple[Aid, ...]:
        """An explanation for each skill, at the places of the chosen items."""
        drawn = {skill: found for skill, found in self.draw().items() if len(found) > 1}
        texts = {skill: self._explain(found) for skill, found in drawn.items()}
        labels = [skill for skill, _ in probes_of(self.classroom).labels(Items("val"))]
        worth = {
            skill: self._worth(texts[skill], found[2 : 2 + self.fitted] or found[1:])
            for skill, found in drawn.items()
        }
        open_places = [place for place, skill in enumerate(labels) if skill in worth]
        order = self.rng.permutation(open_places)
        ranked = sorted(order.tolist(), key=lambda place: -worth[labels[place]])
        chosen = ranked[: round(self.budget * len(labels))]
        return tuple(
            Aid(texts[skill], skill, places=tuple(p for p in sorted(chosen) if labels[p] == skill))
            for skill in dict.fromkeys(labels[p] for p in sorted(chosen))
        )

    def _explain(self, found: list[Example]) -> str:
        """A solved exercise; of a misaligned teacher with the answer to another one."""
        first, second = found[:2]
        return shown([first.with_target(second.target) if self.misaligned else first])

    def _worth(self, text: str, asked: list[Example]) -> float:
        """The expected worth of an intervention to this teacher, by its rank."""
        if self.rank == "random":
            return 0.0
        alone = self._right(asked, "").mean()
        if self.rank == "confidence":
            return float(-alone)
        utility = float(self._right(asked, text).mean() - alone)
        return -utility if self.misaligned else utility

    def _right(self, asked: list[Example], text: str) -> FloatArray:
        """The student's probability of each right answer, after a text, shape (n_asked,)."""
        found: list[NDArray[np.float64]] = probes_of(self.classroom).logprobs(asked, prefix=text)
        return np.array([np.exp(each.sum()) for each in found])
