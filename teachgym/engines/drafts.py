"""``DraftsEngine``: weak drafts, which are read and not learned, before a strong answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from teachgym.chat.settings import Chat
from teachgym.engines.altering import AlteringEngine
from teachgym.engines.around import Other
from teachgym.engines.erring_steps import botched
from teachgym.errors import ConfigError
from teachgym.protocols import Meter, Task
from teachgym.settings import Few, Like, Share, checked
from teachgym.types import Example, Turn


class DraftsEngine(AlteringEngine):
    """Puts drafts of another engine's solutions before them, each answered by the task.

    Progressive thought refinement (PTR, arXiv 2410.13413, section 3): thoughts of a weak model and
    the answer of a strong one, of which only the latter is learned (thought masking), so that a
    student that is asked to think again improves on what it said before. Differences: a draft is
    the solution with its last step and a share of the others wrong, or now and then as it is, where
    a weak model writes drafts, and some are filtered out; and of the paper's three losses there is
    the first, on the answer, to which the others add little in its own table.

    Args:
        task: what it says to a draft comes between; it must answer back, as ``second-try`` with
            ``always`` does.
        meter: pays for the calls of the other engine.
        chat: its chat model, if it uses one.
        drafts: before each solution, at most, >= 1; where the task says no more there is none.
        wrong: share of the drafts whose answer is wrong, in [0, 1].
        masked: False = drafts are learned like the answer: what masking is worth.
        other: fields of ``Other``.

    Raises:
        ConfigError: for a task without worked solutions, or that says nothing to an answer.
    """

    name = "drafts"
    needs_steps = True

    @checked
    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        chat: Chat | None = None,
        drafts: Few = 1,
        wrong: Share = 0.75,
        masked: bool = True,
        **other: Annotated[Any, Like(Other)],
    ) -> None:
        super().__init__(task, meter, chat=chat, **other)
        if task.max_turns < 2:
            raise ConfigError(
                f"engine {self.name!r} puts an answer between draft and solution, and task "
                f"{task.name!r} gives none; choose one that answers back, such as 'second-try'"
            )
        self._drafts, self._wrong, self._masked = drafts, wrong, masked

    def alter(self, example: Example, rng: np.random.Generator) -> Example:
        """The exercise after as many drafts as the task has something to say to."""
        turns: tuple[Turn, ...] = ()
        while len(turns) < min(self._drafts, self.task.max_turns - 1):
            is_wrong, share = rng.random() < self._wrong, float(rng.random())
            draft = botched(example.target, share, rng) if is_wrong else example.target
            reply = self.task.respond(example, turns, draft)
            if reply is None:
                break
            turns = (*turns, Turn(draft, reply, learned=not self._masked))
        return replace(example, turns=turns)
