"""``NumericAction``: the base of all action wrappers that take numbers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import gymnasium as gym

from teachgym.actions import require_member


class NumericAction(gym.Wrapper[Any, Any, Any, Any]):
    """Action wrapper whose actions are numbers, which are checked before they are used.

    As ``gymnasium.ActionWrapper``; a subclass sets ``action_space`` and says what an action of
    it means to the wrapped environment.
    """

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Convert the action and step.

        Raises:
            ActionError: for an action outside ``action_space``; nothing is spent then, no step is
                made, and the environment goes on as if it had not been asked.
        """
        meant = self.action(require_member(self.action_space, action))
        observation, reward, terminated, truncated, info = self.env.step(meant)
        return observation, float(reward), terminated, truncated, info

    @abstractmethod
    def action(self, action: Any) -> Any:
        """The action of the wrapped environment for a member of ``action_space``."""
