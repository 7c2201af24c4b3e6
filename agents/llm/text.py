"""``llm-text``: one question per step, whose reply is the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.chat.structured import settle
from teachgym.language.form import NOTHING, Form
from teachgym.language.forms import form_of
from teachgym.protocols import ChatModel, Meter, Teacher
from teachgym.streams import draw_seed
from teachgym.types import Incident


@dataclass(frozen=True, slots=True)
class Desk:
    """The form and the meter for a teacher that reads and writes texts."""

    form: Form[Any, Any]
    meter: Meter
    """Calls are paid through it from the episode's budget."""

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Desk:
        """Read it off an environment with ``action="text"``."""
        return cls(form_of(env), env.get_wrapper_attr("meter"))


class LLMText(Teacher[str, str]):
    """Asks a chat model with ``Form.prompt_of``, and returns its reply as the action.

    The untrained counterpart of a language model that is trained as a teacher: it is asked as that
    is, and the environment reads its replies. When nothing is left to pay a call with, it asks for
    nothing, which is counted as the incident ``unpaid``.

    Args:
        desk: what it may know, and who pays.
        chat: is asked once a step.
    """

    name = "llm-text"

    def __init__(self, desk: Desk, *, chat: ChatModel) -> None:
        self.desk, self.chat = desk, chat
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start with a new random generator; nothing else is remembered."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: str) -> str:
        """The reply."""
        form, meter = self.desk.form, self.desk.meter
        draw = draw_seed(self._rng)
        if short := meter.exhausted():
            meter.note(Incident("unpaid", f"nothing is left of: {', '.join(short)}"))
            return NOTHING
        completion = self.chat.complete(form.prompt_of(observation), form.schema, draw=draw)
        settle(meter, completion)
        return completion.text
