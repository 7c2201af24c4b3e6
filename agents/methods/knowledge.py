"""``knowledge``: a store of solved mistakes that is searched where the student is unsure."""

from __future__ import annotations

from teachgym.agents.context import Classroom, pool_levels
from teachgym.agents.methods.aiding import AidingTeacher, shown
from teachgym.agents.methods.exam import examine, probes_of, wrong
from teachgym.settings import CountFromOne, Few, Share, checked
from teachgym.types import Aid, Items, Obs


class Knowledge(AidingTeacher):
    """Adds an entry for each failed training exercise, and retrieves the most similar ones.

    Liao et al. 2024 (NesyCD, arXiv 2409.13203): after training, the student is asked training
    exercises; of each that it fails a teacher writes what is to be learned from it; entries are
    found by similarity, one for each prompt, and only where the student is unsure.

    Differences: an entry is the exercise with its solution, where a language model writes a summary
    of the mistake and what knowledge was lacking; unsure is a skill below ``sure`` on
    ``val``, where the paper's gate asks the student for a percentage; and the student is trained on
    plain exercises alone, while the paper's is also trained to reason with what it is given.

    Args:
        classroom: the task without its held-out splits.
        asked: training exercises in the exam before each step, spread over skills by chance.
        most: entries that are kept, the latest.
        sure: accuracy of a skill from which nothing is looked up, in [0, 1]; the paper's gate is
            68 %.
        shuffled: whether every entry is found under another one's prompt: what looking up
            the right one is worth.
    """

    name = "knowledge"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        asked: Few = 50,
        most: CountFromOne = 500,
        sure: Share = 0.68,
        shuffled: bool = False,
    ) -> None:
        super().__init__(classroom)
        self.asked, self.most, self.sure, self.shuffled = asked, most, sure, shuffled
        self._store: dict[str, str] = {}

    def reset(self, seed: int) -> None:
        """Empty the store."""
        super().reset(seed)
        self._store = {}

    def choose(self, observation: Obs) -> tuple[Aid, ...]:
        """The store after a further exam, for items of skills in which the student is unsure."""
        found = [example for own in self.draw().values() for example in own]
        items = [found[place] for place in self.rng.permutation(len(found))[: self.asked]]
        for answer in wrong(examine(self.classroom, items)):
            self._store[answer.example.prompt] = shown([answer.example])
        self._store = dict(list(self._store.items())[-self.most :])
        places = self._unsure(observation)
        texts = list(self._store.values())
        if self.shuffled:
            texts = [texts[place] for place in self.rng.permutation(len(texts))]
        return tuple(
            Aid(text, like=prompt, places=places)
            for prompt, text in zip(self._store, texts, strict=True)
        )

    def _unsure(self, observation: Obs) -> tuple[int, ...]:
        """Places of the items of skills below ``sure``."""
        means = pool_levels(observation).mean
        unsure = {s for s, mean in zip(self.cells.skills, means, strict=True) if mean < self.sure}
        labels = probes_of(self.classroom).labels(Items("val"))
        return tuple(place for place, (skill, _) in enumerate(labels) if skill in unsure)
