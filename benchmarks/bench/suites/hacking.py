"""``teacher-hacking``: a student that nears an imperfect teacher model may leave the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import DRAWN
from teachgym.benchmarks.bench.suites.suite import Arm, Claim, Suite

PAPER = "2502.02671"
TEACHERS: Mapping[str, Mapping[str, Any]] = {
    "over-fitted": {"examples": 192, "trainer_settings": {"epochs": 30}},
    "well-fitted": {"examples": 5760},
}
"""Two teacher models from as many updates: of 192 examples thirty times, and of 5,760 once."""
_SAMPLES: Mapping[str, Any] = {
    "author": "teacher",
    "right": False,
    "targets": False,
    "k": 1,
    "temperature": 1.0,
    "loss": "distillation",
}
_FEW: Mapping[str, Any] = {
    "engine": "pool",
    "task_settings": {"train_per_cell": 1},
    "gate_settings": {"duplicates": "allow"},
}
"""The same exercises in every step, one a skill and level."""


def hacking() -> Suite:
    """Distillation from a teacher model, on data of four kinds, at as many tokens trained on.

    After Tiapkin et al. 2025 (arXiv 2502.02671): what is near the teacher (proxy: the training
    loss) and what is right (golden: accuracy) part on a fixed set of a teacher's outputs, and
    fresh ones prevent it. ``fixed``: the likeliest answers to the same few exercises in every
    step, each four times a step; ``resampled``: new answers to these; ``fresh``: answers to new
    exercises; ``own``: the student's own answers to new exercises. Differences: the distance to the
    oracle is accuracy here, since the oracle has no probabilities, and the student has been trained
    before. ``python -m teachgym.benchmarks.bench.courses`` shows both by step.
    """
    arms = [arm for teacher in TEACHERS for arm in _arms(teacher)]
    pairs = [(f"{kind}-{teacher}", f"fixed-{teacher}") for teacher in TEACHERS for kind in _BETTER]
    return Suite(
        "teacher-hacking",
        1,
        "a teacher model's data, fixed or fresh, and the student's own; golden against proxy",
        tuple(arms),
        env_settings={
            "student": "tiny",
            "task_settings": {"test_per_cell": 20},
            "budget": {"steps": 10, "examples": 3840},
            "examples_per_step": 384,
            "teacher_model": "tiny",
        },
        seeds=5,
        seeded=DRAWN,
        reference=arms[0].name,
        brief=tuple(arm.name for arm in arms if arm.condition == "over-fitted"),
        brief_seeds=2,
        claims=tuple(Claim(arm, against, PAPER) for arm, against in pairs),
    )


_BETTER = ("resampled", "fresh", "own")


def _arms(teacher: str) -> list[Arm]:
    """The arms that learn from one teacher model, that of fixed data first."""
    sampled = {"trainer": "rejection-sampling", "trainer_settings": _SAMPLES}
    likeliest = {**sampled, "trainer_settings": {**_SAMPLES, "temperature": 0.01}}
    own = {"trainer": "on-policy", "trainer_settings": {"loss": "distillation", "k": 1}}
    kinds = {
        "fixed": ({**likeliest, **_FEW}, 4),
        "resampled": ({**sampled, **_FEW}, 4),
        "fresh": (sampled, 1),
        "own": (own, 1),
    }
    return [
        Arm(
            f"{kind}-{teacher}",
            "uniform",
            env_settings={**settings, "teacher_model_settings": TEACHERS[teacher]},
            control=kind == "fixed",
            against=f"fixed-{teacher}",
            condition=teacher,
            fewer=fewer,
        )
        for kind, (settings, fewer) in kinds.items()
    ]
