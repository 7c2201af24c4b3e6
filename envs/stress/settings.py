"""``Stress``: the kinds and amounts of stress of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from teachgym.errors import ConfigError, require_known
from teachgym.settings import FromJson, Seed, Share, checked
from teachgym.streams import chance

SkillChoice = Share | FromJson[tuple[str, ...]]
"""A share of the leaf skills, in [0, 1], or their names."""


@checked
@dataclass(frozen=True)
class Stress:
    """Kinds of stress; the defaults are none at all.

    Raises:
        ConfigError: for a value of the wrong kind or out of range.
    """

    unlearnable: SkillChoice = 0.0
    """Skills whose examples are charged to the budget and never trained on."""
    saturated: SkillChoice = 0.0
    """Skills in which every answer counts as right, so that nothing can be gained there."""
    grader_noise: Share = 0.0
    """Probability in [0, 1] that a grade on ``val`` is flipped."""
    wrong_labels: Share = 0.0
    """Probability in [0, 1] that an accepted example is trained on with a wrong target."""
    forgetting: Share = 0.0
    """Share in [0, 1] of the way back to the untrained student before each training run."""
    rugged: bool = False
    """Whether the levels of each skill are swapped."""
    delayed_reward: Annotated[int, Interval(ge=1, le=10**6)] = 1
    """Steps, >= 1, from one reward to the next, which is the gain over all of them; the end of the
    episode pays the rest."""
    seed: Seed = 0
    """Seed of the stress, >= 0: another one affects other skills, answers, examples and levels."""

    def require_rules(self, *, training: str, reward: str) -> None:
        """Refuse rules that would make a kind of stress meaningless.

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


def choose_skills(
    choice: SkillChoice, leaves: Sequence[str], *, kind: str, seed: int = 0
) -> frozenset[str]:
    """The named skills, or the share of the leaves with the smallest ``chance(seed, kind, name)``.

    The share is rounded to whole skills, halves up, and is at least one skill if it is not 0. A
    larger share holds all skills of a smaller one.

    Raises:
        ConfigError: for a name that is not one of ``leaves``.
    """
    if isinstance(choice, tuple):
        require_known(f"leaf skill in stress {kind!r}", choice, leaves)
        return frozenset(choice)
    count = max(1, int(choice * len(leaves) + 0.5)) if choice else 0
    return frozenset(sorted(leaves, key=lambda name: chance(seed, kind, name))[:count])
