"""``Stress``: which kinds of stress an environment has, and how much of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from teachgym.errors import ConfigError, require_known

SkillChoice = float | tuple[str, ...]
"""A share of the leaf skills, in [0, 1], or their names."""


@dataclass(frozen=True)
class Stress:
    """Kinds of stress; the defaults are none at all.

    Raises:
        ConfigError: for a value of the wrong kind or out of range.
    """

    unlearnable: SkillChoice = 0.0
    """Skills whose examples are paid for and never trained on."""
    saturated: SkillChoice = 0.0
    """Skills in which every answer counts as right, so that nothing can be gained there."""
    grader_noise: float = 0.0
    """Chance in [0, 1] that a grade on ``val`` is turned over."""
    wrong_labels: float = 0.0
    """Chance in [0, 1] that an accepted example is trained on with a wrong target."""
    forgetting: float = 0.0
    """Share in [0, 1] of the way back to the untrained student before each training run."""
    rugged: bool = False
    """Whether the levels of each skill are swapped."""
    delayed_reward: int = 1
    """Steps, >= 1, from one payment to the next; the end of the episode always pays."""
    seed: int = 0
    """Of all that is drawn, >= 0: another one falls on other skills, answers, examples, levels."""

    def __post_init__(self) -> None:
        for name in ("unlearnable", "saturated"):
            choice = getattr(self, name)
            if not (isinstance(choice, tuple) and all(isinstance(skill, str) for skill in choice)):
                self._check_share(name, ", or a list of leaf skills")
        for name in ("grader_noise", "wrong_labels", "forgetting"):
            self._check_share(name)
        if not isinstance(self.rugged, bool):
            raise ConfigError(f"stress 'rugged' is {self.rugged!r}; it must be true or false")
        self._check_whole("delayed_reward", 1, " (1 = after every step)")
        self._check_whole("seed", 0)

    def require_rules(self, *, training: str, reward: str) -> None:
        """Refuse rules under which a kind of stress would mean nothing, or something else.

        Raises:
            ConfigError: for forgetting where every step starts from the untrained student, and
                for a delayed reward that is no difference of accuracies.
        """
        if self.forgetting and training != "continue":
            raise ConfigError(
                f"stress 'forgetting' is {self.forgetting} and training is {training!r}, which "
                "forgets everything before each step; use training='continue'"
            )
        if self.delayed_reward > 1 and reward != "accuracy_gain":
            raise ConfigError(
                f"stress 'delayed_reward' is {self.delayed_reward} and reward is {reward!r}; only "
                "reward='accuracy_gain' can be paid late"
            )

    def _check_share(self, name: str, otherwise: str = "") -> None:
        share = getattr(self, name)
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
            raise ConfigError(f"stress {name!r} is {share!r}; it must be in [0, 1]{otherwise}")

    def _check_whole(self, name: str, low: int, note: str = "") -> None:
        n = getattr(self, name)
        if not isinstance(n, int) or isinstance(n, bool) or n < low:
            raise ConfigError(
                f"stress {name!r} is {n!r}; it must be a whole number, {low} or more{note}"
            )


def make_stress(settings: Mapping[str, Any] | None) -> Stress:
    """The stress that plain values describe; None = no stress.

    Example:
        >>> make_stress({"unlearnable": ["mul"], "wrong_labels": 0.3}).unlearnable
        ('mul',)

    Raises:
        ConfigError: for a kind of stress that does not exist, or a value out of range.
    """
    if not isinstance(settings, Mapping | None):
        raise ConfigError(
            f'stress is {settings!r}; give a table such as {{"wrong_labels": 0.3}}, or null'
        )
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in (settings or {}).items()
    }
    require_known("kind of stress", values, [f.name for f in fields(Stress)])
    return Stress(**values)
