"""``guidance``: a library of guidance for the student's failures, searched by similarity."""

from __future__ import annotations

from teachgym.agents.context import Classroom, pool_levels
from teachgym.agents.methods.aiding import AidingTeacher, shown
from teachgym.agents.methods.exam import examine
from teachgym.settings import Few, Share, checked
from teachgym.types import Aid, Example, Obs


class Guidance(AidingTeacher):
    """Keeps only guidance with which the student does better on a retry.

    Wang et al. 2024 (arXiv 2408.07238; later GER): a scenario is where the student is worse than
    the teacher; guidance for it is improved until the retry is as good, and stored. Asked for an
    answer, the student gets the guidance of the most similar scenario before its prompt.

    Here a scenario is a skill that is below ``enough`` on ``val`` and the prompts of ``retries``
    of its training exercises; guidance is one of ``rounds`` solved exercises, tried in turn, and
    replaces what is stored if more retries come out right. In the paper a language model writes
    the guidance and judges the retries; here the task grades them. One scenario is worked on in a
    step, the weakest of those worked on least.

    Args:
        classroom: the task without its held-out splits.
        enough: accuracy from which a skill needs no guidance, in [0, 1].
        retries: training exercises on which guidance is tried.
        rounds: pieces of guidance that are tried at most for a scenario in a step.
        verified: False = the first piece is stored untried: what trying is worth.
    """

    name = "guidance"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        enough: Share = 0.9,
        retries: Few = 5,
        rounds: Few = 3,
        verified: bool = True,
    ) -> None:
        super().__init__(classroom)
        self.enough, self.retries, self.rounds, self.verified = enough, retries, rounds, verified
        self._library: dict[str, Aid] = {}
        self._worked: dict[str, int] = {}

    def reset(self, seed: int) -> None:
        """Empty the library."""
        super().reset(seed)
        self._library, self._worked = {}, {}

    def choose(self, observation: Obs) -> tuple[Aid, ...]:
        """The library after work on a further scenario."""
        drawn = self.draw()
        found = pool_levels(observation)
        weak = [
            (self._worked.get(skill, 0), mean, skill)
            for skill, mean, n in zip(self.cells.skills, found.mean, found.n, strict=True)
            if n and mean < self.enough and len(drawn[skill]) > 1
        ]
        if weak:
            _, _, skill = min(weak)
            self._worked[skill] = self._worked.get(skill, 0) + 1
            self._work_on(skill, drawn[skill])
        return tuple(self._library.values())

    def _work_on(self, skill: str, found: list[Example]) -> None:
        """Store the piece of guidance after which most retries are right, if any helps."""
        asked, others = found[: self.retries], found[self.retries :] or found[-1:]
        like = " ".join(e.prompt for e in asked)
        pieces = [shown([example]) for example in others[: self.rounds]]
        if not self.verified:
            self._library[skill] = Aid(pieces[0], like=like)
            return
        best = self._right(asked, self._library[skill].text if skill in self._library else "")
        for text in pieces:
            if (score := self._right(asked, text)) > best:
                best, self._library[skill] = score, Aid(text, like=like)

    def _right(self, asked: list[Example], text: str) -> float:
        """The number of right retries after a text."""
        return sum(answer.score for answer in examine(self.classroom, asked, shown=text))
