"""The settings of fine-tuning on one set of examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from teachgym.settings import (
    Count,
    CountFromOne,
    Epochs,
    Positive,
    Share,
    ShareBelowOne,
    checked,
    within,
)
from teachgym.students.lora import LoRASettings
from teachgym.students.settings import FULL_BELOW
from teachgym.training.losses import LOSSES, Loss


@checked
@dataclass(frozen=True)
class FineTuningSettings:
    """Optimizer, schedule and batches; the defaults are the recipe of the ``tiny`` student."""

    learning_rate: Positive = 2e-3
    """Peak learning rate, > 0."""
    batch_size: CountFromOne = 16
    """Examples per update, >= 1."""
    epochs: Epochs = 1
    """Passes over the data, >= 1."""
    warmup_steps: Count = 5
    """Updates over which the rate rises linearly to its peak, >= 0."""
    warmup_share: ShareBelowOne = 0.0
    """The same as a share of all updates, in [0, 1); the longer of both counts."""
    schedule: Literal["linear", "cosine"] = "linear"
    """The way in which the rate falls from its peak."""
    constant_share: ShareBelowOne = 0.0
    """Share of the updates, in [0, 1), before the rate starts to fall."""
    final_share: Share = 0.05
    """Share of the peak rate that is left at the end, in [0, 1]."""
    clip: Positive = 1.0
    """Largest norm of the gradient, > 0."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """``muon``: Muon for hidden matrices and AdamW for the rest; ``adamw``: AdamW for all."""
    token_budget: CountFromOne | None = None
    """Tokens in one forward pass, over all students; a batch with more is split, with the same
    gradient. None = what suits the device."""
    captured: bool | None = None
    """Pad passes to a few sizes and replay each size's update as CUDA graphs; on CPUs the same is
    computed without graphs. None = on GPUs, unless the students are ``strict`` or scores of
    attention are capped or have sinks."""
    fused: bool | None = None
    """Compute cross entropy and its gradient by Liger's kernel (extra ``gpu``), behind frozen
    heads. None = on GPUs where it is installed and the loss is ``sft`` or ``joint``."""
    compiled: bool = False
    """Compile the model's layers (``torch.compile``), which dropout does not allow. It takes some
    15 s and is no faster than the kernels that compute without it (``docs/gpu.md``)."""
    loss: Any = "sft"
    """``sft``: cross entropy of the targets; ``dpo``, ``simpo``, ``redi``: prefer each target to
    its rejected response; ``distillation``, ``alm``: follow a teacher model; ``joint``,
    ``contrast``: see ``docs/objectives.md``; or one of your own
    (``teachgym.training.losses.Loss``), by reference or as an object."""
    loss_settings: Mapping[str, Any] = field(default_factory=dict)
    """The loss's own, e.g. ``{"beta": 0.3}`` of ``dpo`` (``teachgym.training.losses.Dpo``)."""

    def __post_init__(self) -> None:
        with within("loss_settings"):
            self.make_loss()

    def make_loss(self) -> Loss:
        """Make the loss."""
        loss: Loss = LOSSES.make(self.loss, settings=self.loss_settings)
        return loss

    def rate(self, step: int, total: int) -> float:
        """Learning rate of update ``step`` (from 0) of ``total``.

        Example:
            >>> settings = FineTuningSettings(learning_rate=1.0, warmup_steps=2, final_share=0)
            >>> [settings.rate(step, 4) for step in range(4)]
            [0.5, 0.75, 0.5, 0.25]
        """
        warmup = max(self.warmup_steps, round(self.warmup_share * total))
        warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
        progress = max(0.0, step / total - self.constant_share) / (1 - self.constant_share)
        if self.schedule == "cosine":
            progress = (1 - math.cos(math.pi * progress)) / 2
        return self.learning_rate * warm * (1 - (1 - self.final_share) * progress)


LORA_RECIPE = FineTuningSettings(
    learning_rate=1e-4,
    epochs=3,
    warmup_steps=0,
    warmup_share=0.1,
    schedule="cosine",
    final_share=0.0,
    optimizer="adamw",
)
"""For adapters: DataEnvGym's (arXiv 2410.06215, appendix B.1.2, and its configuration files).

Its rate also falls during the warm-up, by at most a fortieth.
"""

FULL_RECIPE = replace(LORA_RECIPE, learning_rate=1e-5)
"""For all weights of a large pretrained model: a tenth of the rate of adapters."""


SEEING_RECIPE = FineTuningSettings(learning_rate=5e-4, epochs=3)
"""For all weights of a small model that sees. In one epoch it learns little, and at 2e-3 it forgets
more than it learns: 1,000 examples of all skills added 0.039 to the accuracy of a ``tiny-vision``
at this rate, and -0.058 at that one (``docs/log.md``)."""


def recipe(
    n_parameters: int, lora: LoRASettings | None, *, sees: bool = False
) -> FineTuningSettings:
    """The recommended settings for a model of this size, trained in full or by adapters.

    ``sees``: whether it reads pictures.
    """
    if lora is not None:
        return LORA_RECIPE
    if n_parameters >= FULL_BELOW:
        return FULL_RECIPE
    return SEEING_RECIPE if sees else FineTuningSettings()
