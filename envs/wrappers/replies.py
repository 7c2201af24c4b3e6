"""Texts as actions: any reply of a language model is a valid action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym

from teachgym.envs.admission import no_action
from teachgym.envs.base import base_of
from teachgym.envs.step_info import also_rejected
from teachgym.language.examples import write_examples
from teachgym.language.form import NOTHING
from teachgym.language.forms import AnyForm, form_for
from teachgym.language.moves import write_moves
from teachgym.language.plan import write_plan
from teachgym.spaces import DataSpace, MovesSpace, PlanSpace, ReplySpace, WordSpace


class TextAction(gym.Wrapper[Any, Any, Any, Any]):
    """Action wrapper: ``form`` reads the action from a text.

    What cannot be read or carried out is in ``info["rejected"]``, with the reason ``reply``, or
    that of the kind of action; a reply without anything is a step without training. What is no
    text is rejected as a whole, with the reason ``action``.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._base = base_of(env)
        acts: Any = env.action_space
        self._acts = acts
        self.action_space = ReplySpace(acts, write_of(acts))

    @property
    def form(self) -> AnyForm:
        """The form of replies in the present step; see ``teachgym.language``."""
        base, forest = self._base, None
        if self.env.has_wrapper_attr("forest"):
            forest = self.env.get_wrapper_attr("forest")
        return form_for(self._acts, base.syllabus, base.levels, base.examples_per_step, forest)

    def step(self, action: str) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Read the reply, then step."""
        self._base.require_running()
        given: object = action  # It may be anything.
        reading = self.form.parse(given if isinstance(given, str) else NOTHING)
        malformed = () if isinstance(given, str) else (no_action(given, "a text"),)
        observation, reward, terminated, truncated, info = self.env.step(reading.action)
        info = also_rejected(info, (*malformed, *reading.rejected))
        return observation, float(reward), terminated, truncated, info


def write_of(acts: WordSpace[Any]) -> Callable[[Any], str]:
    """The function that writes a reply for a given action of a space."""
    writers: dict[type, Callable[[Any], str]] = {
        PlanSpace: write_plan,
        MovesSpace: write_moves,
        DataSpace: write_examples,
    }
    return writers[type(acts)]
