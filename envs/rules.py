"""``EpisodeRules``: the settings of an episode that do not depend on task, student or teacher."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.envs.restart import TrainingMode
from teachgym.errors import ConfigError
from teachgym.settings import (
    CountFromOne,
    ExamplesPerStep,
    NotNegative,
    Positive,
    ShareAboveZero,
    ShareBelowOne,
    Table,
    checked,
)
from teachgym.types import Budget


@checked
@dataclass(frozen=True)
class EpisodeRules:
    """The budget, step size, restart semantics and ends of an episode."""

    budget: Table[Budget] = Budget(steps=10, examples=2500)
    """Limit per currency; one of `steps` or `seconds` is needed. The default is an episode
    of half a minute on the `tiny` student."""
    examples_per_step: ExamplesPerStep = 250
    """The most examples one step can train on, >= 1."""
    training: TrainingMode = "continue"
    """``continue``: train the current student on the step's data; ``scratch``: train the
    untrained student on all data so far (what DataEnvGym's environment does); ``batch``: train the
    untrained student on the step's data alone (what DataEnvGym's closed loop does)."""
    replay: ShareBelowOne = 0.0
    """Share of each ``continue`` training set that is drawn from earlier steps, in [0, 1)."""
    rehearsal: NotNegative = 0.0
    """Examples that the untrained student answers right, drawn from the task's pool, for each
    example of a training set, >= 0. They are trained on beside it, so that teaching one skill costs
    less of the others (rehearsal; Robins 1995, Connection Science 7:123-146). Only their tokens
    are charged."""
    pretest: bool = False
    """Whether the student is asked every accepted example before it is trained on it."""
    target_accuracy: ShareAboveZero | None = None
    """Validation accuracy in (0, 1] at which the episode ends (``mastery``); None = never."""
    patience: CountFromOne | None = None
    """Training runs in a row (one a step, unless ``train_every`` is more) without a new best on
    ``val`` after which the episode ends, >= 1; None = never."""
    train_every: CountFromOne = 1
    """Steps from one training run to the next, >= 1; it trains on the data of all of them."""
    reward_scale: Positive = 1.0
    """Factor of every reward, finite and > 0."""

    def __post_init__(self) -> None:
        if self.replay and self.training != "continue":
            raise ConfigError(
                f"replay is for training='continue', and training is {self.training!r}: 'scratch' "
                "keeps all data anyway, 'batch' none"
            )
