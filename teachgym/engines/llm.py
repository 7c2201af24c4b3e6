"""The engine by chat model. Its packages (extra ``llm``) are imported when one is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from teachgym.engines.writer_settings import WriterSettings
from teachgym.protocols import ChatModel, DataEngine, Meter, Task
from teachgym.settings import Few, Like
from teachgym.syllabus import Syllabus
from teachgym.types import Data, Plan


class LLMEngine(DataEngine):
    """Lets a chat model write the ordered examples, with hints, seeds and subskills.

    It knows the task by its ``Syllabus`` and therefore nothing of ``val`` and ``test``. Between
    calls nothing is remembered. See ``teachgym.engines.writer.Writer`` for how it writes.

    Args:
        task: what the data is for.
        meter: pays for the calls and is told of incidents; None = unlimited.
        chat: a chat model, or settings for ``teachgym.chat.make.make_chat``.
        workers: most calls in flight, >= 1; None = as the chat settings say, or else 8.
        writing: the fields of ``WriterSettings``.

    Raises:
        ConfigError: for settings that do not exist or are out of range.
        MissingExtraError: without the packages of the extra ``llm``.
    """

    name = "llm"

    def __init__(
        self,
        task: Task,
        meter: Meter | None = None,
        *,
        chat: Mapping[str, Any] | ChatModel,
        workers: Few | None = None,
        **writing: Annotated[Any, Like(WriterSettings)],
    ) -> None:
        settings = WriterSettings(**writing)
        from teachgym.chat.structured import StructuredChat
        from teachgym.engines.writer import Writer

        asker = StructuredChat.open(chat, "engine 'llm'", meter, workers)
        self.writer = Writer(Syllabus.of(task), asker, settings)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order, in the plan's order.

        Raises:
            UnknownSkillError: for an order of a skill that the task does not have.
            ChatError: if no call got through and there is nothing at all.
        """
        return self.writer.write(plan.orders, rng)
