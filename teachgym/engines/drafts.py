"""``DraftsEngine``: weak drafts, which are read and not learned, before a strong answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from teachgym.engines.around import AlteringEngine
from teachgym.engines.erring_steps import botched
from teachgym.errors import ConfigError
from teachgym.settings import Few, Share, checked
from teachgym.types import Example, Turn


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class DraftsEngine(AlteringEngine):
    """Puts drafts of another engine's solutions before them, each answered by the task.

    Progressive thought refinement (PTR, arXiv 2410.13413, section 3): thoughts of a weak model and
    the answer of a strong one, of which only the latter is learned (thought masking), so that a
    student that is asked to think again improves on what it said before. Differences: a draft is
    the solution with its last step and a share of the others wrong, or now and then as it is, where
    a weak model writes drafts, and some are filtered out; and of the paper's three losses there is
    the first, on the answer, to which the others add little in its own table.

    What the task says to a draft comes between; it must answer back, as ``second-try`` with
    ``always`` does.

    Raises:
        ConfigError: for a task without worked solutions, or that says nothing to an answer.
    """

    name = "drafts"
    needs_steps = True

    drafts: Few = 1
    """Drafts before each solution, at most, >= 1; where the task says no more there is none."""
    wrong: Share = 0.75
    """Share of the drafts whose answer is wrong, in [0, 1]."""
    masked: bool = True
    """False = drafts are learned like the answer: what masking is worth."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task.max_turns < 2:
            raise ConfigError(
                f"engine {self.name!r} puts an answer between draft and solution, and task "
                f"{self.task.name!r} gives none; choose one that answers back, such as "
                "'second-try'"
            )

    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """The exercise after as many drafts as the task has something to say to."""
        turns: tuple[Turn, ...] = ()
        while len(turns) < min(self.drafts, self.task.max_turns - 1):
            is_wrong, share = rng.random() < self.wrong, float(rng.random())
            draft = botched(example.target, share, rng) if is_wrong else example.target
            reply = self.task.respond(example, turns, draft)
            if reply is None:
                break
            turns = (*turns, Turn(draft, reply, learned=not self.masked))
        return replace(example, turns=turns)
