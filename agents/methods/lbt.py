"""``lbt``: sets of exemplars, improved by how well the student does with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.aiding import AidingTeacher, shown
from teachgym.agents.methods.exam import examine, wrong
from teachgym.settings import Few, ShareAboveZero, checked
from teachgym.types import Aid, Data, Example, Obs


class LearningByTeaching(AidingTeacher):
    """Improves a set of exemplars by the failures of a student that has them in its context.

    The third method of Learning by Teaching (Ning et al. 2024, arXiv 2406.14629, M3), with the
    student that is trained as the one that is taught: in each step it answers training exercises
    after the set; several new sets are made with its failures in view; and of those and the old
    one that is kept after which most of some other exercises come out right. Nobody is trained on
    the exemplars, so what they do is what the aided evaluation has above the other.

    Differences: a set is changed by a rule, which puts failed exercises with their right answers
    in the place of some exemplars, where a language model reflects on the failures and writes a
    set; sets are judged by the student's answers, there by the teacher's own with the same set.

    Args:
        classroom: the task without its held-out splits.
        shots: exemplars in a set; the paper's K.
        sets: new sets that are tried in a step.
        exam: exercises that are answered with a set, to find failures, and as many to judge by.
        changed: share of a set that is replaced, in (0, 1]; at least one exemplar is.
        reflect: False = by any exercises instead of failed ones: what reflection is worth.
    """

    name = "lbt"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        shots: Few = 8,
        sets: Few = 4,
        exam: Few = 32,
        changed: ShareAboveZero = 0.5,
        reflect: bool = True,
    ) -> None:
        super().__init__(classroom)
        self.shots, self.sets, self.exam, self.reflect = shots, sets, exam, reflect
        self.n_changed = max(1, round(changed * shots))
        self.exemplars: Data = ()

    def reset(self, seed: int) -> None:
        """Forget the set."""
        super().reset(seed)
        self.exemplars = ()

    def choose(self, observation: Obs) -> tuple[Aid, ...]:
        """The best set, after a round of teaching with the present one."""
        found = [example for own in self.draw().values() for example in own]
        found = [found[place] for place in self.rng.permutation(len(found))]
        if not self.exemplars:
            self.exemplars = tuple(found[: self.shots])
        known = {example.identity for example in self.exemplars}
        others = [example for example in found if example.identity not in known]
        asked, judged = others[: self.exam], others[self.exam : 2 * self.exam]
        source = asked
        if self.reflect:
            answers = examine(self.classroom, asked, shown=shown(self.exemplars))
            source = [answer.example for answer in wrong(answers)]
        if source and judged:
            sets = [self.exemplars, *(self._changed(source) for _ in range(self.sets))]
            self.exemplars = max(sets, key=lambda exemplars: self._right(judged, exemplars))
        return (Aid(shown(self.exemplars)),) if self.exemplars else ()

    def _changed(self, source: Sequence[Example]) -> Data:
        """The set with some of it replaced by exercises of ``source``."""
        count = min(self.n_changed, len(source), len(self.exemplars))
        new = [source[place] for place in self.rng.permutation(len(source))[:count]]
        kept = np.sort(self.rng.permutation(len(self.exemplars))[count:]).tolist()
        return (*(self.exemplars[place] for place in kept), *new)

    def _right(self, judged: Sequence[Example], exemplars: Data) -> float:
        """The number of right answers after a set; raises ``BudgetError``."""
        answers = examine(self.classroom, judged, shown=shown(exemplars))
        return float(np.nansum([answer.score for answer in answers]))
