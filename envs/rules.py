"""``EpisodeRules``: what an episode is, apart from who takes part in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from teachgym.envs.restart import TRAINING_MODES, TrainingMode
from teachgym.errors import ConfigError, unknown
from teachgym.typed import require_types
from teachgym.types import Budget


@dataclass(frozen=True)
class EpisodeRules:
    """Budget, step size, restart semantics, and what ends an episode."""

    budget: Budget = field(default_factory=lambda: Budget(steps=10))
    """Limits per episode; at least one keeps the episode finite."""
    examples_per_step: int = 250
    """The most examples one step can train on, >= 1."""
    training: TrainingMode = "continue"
    """``continue``: train the current student on the step's data; ``scratch``: train the
    untrained student on all data so far (what DataEnvGym's environment does); ``batch``: train the
    untrained student on the step's data alone (what DataEnvGym's closed loop does)."""
    replay: float = 0.0
    """Share of each ``continue`` training set that is drawn from earlier steps, in [0, 1)."""
    pretest: bool = False
    """Whether the student is asked every accepted example before it is trained on it."""
    target_accuracy: float | None = None
    """Validation accuracy in (0, 1] at which the episode ends as mastered; None = never."""
    patience: int | None = None
    """Training runs in a row (one a step, unless ``train_every`` is more) without a new best on
    ``val`` after which the episode ends, >= 1; None = never."""
    train_every: int = 1
    """Steps whose data is gathered for one training run, >= 1."""
    reward_scale: float = 1.0
    """What every reward is multiplied by, finite and > 0."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.examples_per_step < 1:
            raise ConfigError(
                f"examples_per_step is {self.examples_per_step}; it must be 1 or more"
            )
        if self.training not in TRAINING_MODES:
            raise ConfigError(unknown("training mode", self.training, TRAINING_MODES))
        if not 0 <= self.replay < 1:
            raise ConfigError(f"replay is {self.replay}; it must be in [0, 1)")
        if self.replay and self.training != "continue":
            raise ConfigError(
                f"replay is for training='continue', and training is {self.training!r}: 'scratch' "
                "keeps all data anyway, 'batch' none"
            )
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"patience is {self.patience}; it must be 1 or more, or None")
        if self.train_every < 1:
            raise ConfigError(f"train_every is {self.train_every}; it must be 1 or more")
        if not 0 < self.reward_scale < math.inf:
            raise ConfigError(
                f"reward_scale is {self.reward_scale}; it must be a finite number above 0"
            )
        if self.target_accuracy is not None and not 0 < self.target_accuracy <= 1:
            raise ConfigError(f"target_accuracy is {self.target_accuracy}; it must be in (0, 1]")
