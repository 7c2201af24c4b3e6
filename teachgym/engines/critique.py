"""``CritiqueEngine``: judgements of answers to another engine's exercises."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgym.chat.settings import Chat, check_chat
from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.mistakes import Mistakes
from teachgym.gate.kinds import JUDGEMENT
from teachgym.protocols import Meter, Task
from teachgym.settings import Share, checked
from teachgym.streams import Streams
from teachgym.types import Data, Example, Plan

if TYPE_CHECKING:
    from teachgym.engines.critic import Critic


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class CritiqueEngine(AroundEngine):
    r"""Turns exercises into critiques: is this answer right, and what should it be?

    The form of critique fine-tuning (Wang et al. 2025, arXiv 2506.03295): p(critique | problem,
    candidate). The prompt is the exercise with a candidate answer, right or wrong; the target is
    ``right``, or ``wrong`` and below it the right answer. Differences: candidates are right
    answers and those to other exercises of the same skill and level, where the paper has ten
    models answer one problem; a critique names the right answer, and says why only where a chat
    model does (``reasons``), where the paper has seven models write all of it. The paper's effect
    rides on what a student was pretrained on, and is not to be expected of one that was not.

    The task never grades a critique: it is auxiliary text of the kind ``judgement``, of which the
    gate checks that the judgement is the task's own.

    Raises:
        ConfigError: for reasons without a chat model.
    """

    name = "critique"

    wrong: Share = 0.5
    """The chance of a wrong candidate, in [0, 1]."""
    reasons: bool = False
    """Whether a chat model says why an answer is right or wrong, in a call for each."""
    critic: Any = field(init=False, repr=False)
    """The ``Critic`` that writes reasons; None = there are none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        critic = _critic(self.chat, self.meter, self.task) if self.reasons else None
        object.__setattr__(self, "critic", critic)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` critiques per order."""
        streams = Streams(rng)
        made = self.other.generate(plan, streams.of("exercises"))
        mistakes = Mistakes(self.task, made)
        judged = tuple(
            self._judged(e, mistakes, streams.of("candidate", e.identity))
            for e in made
            if is_in_text(e)
        )
        return self.critic.explain(judged, streams.of("critic")) if self.critic else judged

    def _judged(self, example: Example, mistakes: Mistakes, rng: np.random.Generator) -> Example:
        """The critique of a candidate answer to the exercise."""
        is_wrong, lot = rng.random() < self.wrong, float(rng.random())
        candidate = mistakes.instead(example, lot) if is_wrong else example.target
        prompt = f"{example.prompt}{candidate}\nIs this answer right or wrong?\n"
        return replace(
            example,
            prompt=prompt,
            target=f"wrong\n{example.target}" if is_wrong else "right",
            source="teacher",
            kind=JUDGEMENT,
            meta={
                "question": example.prompt,
                "candidate": candidate,
                "answer": example.target,
            },
            spans=(),
            soft_labels=(),
            rejected=None,
        )


def _critic(chat: Chat | None, meter: Meter | None, task: Task) -> Critic:
    """The writer of reasons. Its packages (extra ``llm``) are imported when one is made."""
    check_chat(chat, "engine 'critique' with reasons")
    from teachgym.chat.structured import StructuredChat
    from teachgym.engines.critic import Critic

    return Critic(StructuredChat.open(chat, "engine 'critique'", meter), task)
