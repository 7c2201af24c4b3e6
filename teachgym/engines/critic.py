"""``Critic``: a chat model that says why an answer is right or wrong. Needs the extra ``llm``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.engines.written import item_type
from teachgym.protocols import Task
from teachgym.streams import draw_seed
from teachgym.types import Data, Example, Messages

_FIELDS = {
    "critique": (
        "In at most four sentences: what the answer does right, the first step that goes wrong if "
        "one does, and how it is done."
    )
}


@dataclass(frozen=True, slots=True)
class Critic:
    """Writes the reasons below the judgement of each critique, with one call each."""

    asker: StructuredChat
    task: Task

    def explain(self, critiques: Sequence[Example], rng: np.random.Generator) -> Data:
        """The critiques with reasons; those without an answer are left out and noted.

        Raises:
            ChatError: if no call got through.
        """
        asked = [ChatRequest(self._messages(critique), draw_seed(rng)) for critique in critiques]
        explained = []
        replies = self.asker.ask(asked, item_type(_FIELDS))
        for critique, items in zip(critiques, replies, strict=True):
            if items:
                words = items[0].model_dump()["critique"]
                explained.append(replace(critique, target=f"{critique.target}\n{words}"))
            else:
                detail = f"no critique of {critique.prompt!r:.200}"
                self.asker.note("unsolved", detail)
        return tuple(explained)

    def _messages(self, critique: Example) -> Messages:
        return render(
            "teachgym.engines",
            "critique",
            brief=self.task.brief,
            question=critique.meta["question"],
            candidate=critique.meta["candidate"],
            answer=critique.meta["answer"],
            fields=_FIELDS,
        )
