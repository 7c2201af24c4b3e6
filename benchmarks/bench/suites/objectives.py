"""``objectives``: reinforcement, distillation, both at once, and imitation, of equal questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED
from teachgym.benchmarks.bench.suites.suite import Arm, Suite

STEPS, QUESTIONS = 10, 200
"""The steps of a run, and the questions of each of its steps."""
_RATES: Mapping[str, Any] = {"learning_rate": 1e-3, "warmup_steps": 0}
"""A step has thirteen updates, most of which a warm-up would take."""


def objectives() -> Suite:
    """GRPO, reverse KL and KDRL on the student's own samples, against imitation of the same data.

    Every arm has as many questions, 2,000 in ten steps. ``sft`` and ``distillation`` learn from the
    right answer to each, ``sft-on-teacher`` from one that the teacher model samples, and the others
    from eight of the student's own. Training tokens are not equal, since GRPO reads only groups
    with answers of both kinds; they stand in the costs, with what is sampled and what the teacher
    model reads and writes. The teacher model is the student's architecture, trained on 16,000
    examples of all skills. KDRL's weight is forty times the paper's (arXiv 2506.02208), whose
    students are a thousand times as large.
    """
    grpo = {"loss": "grpo", "loss_settings": {"beta": 0.0}}
    kdrl = {"loss": "kdrl", "loss_settings": {"beta": 0.2, "final_beta": 0.2}}
    copies = {"author": "teacher", "right": False, "targets": False, "k": 1, "temperature": 1.0}
    distilled = {"loss": "distillation", "loss_settings": {"divergence": "forward"}}
    return Suite(
        "objectives",
        2,
        "what data teaches by GRPO, KDRL, reverse KL, distillation and imitation",
        (
            Arm("sft", "uniform", control=True),
            Arm(
                "sft-on-teacher",
                "uniform",
                env_settings={"trainer": "rejection-sampling", "trainer_settings": copies},
            ),
            Arm("distillation", "uniform", env_settings={"trainer_settings": distilled}),
            _sampling("grpo", grpo),
            _sampling("reverse-kl", {"loss": "reverse-kl"}),
            _sampling("kdrl", kdrl),
        ),
        env_settings={
            **EMBEDDED,
            "budget": {"steps": STEPS, "examples": STEPS * QUESTIONS},
            "examples_per_step": QUESTIONS,
            "teacher_model": "tiny",
            "teacher_model_settings": {"examples": 16_000},
        },
        seeds=5,
        seeded=DRAWN,
        reference="sft",
    )


def _sampling(name: str, settings: Mapping[str, Any]) -> Arm:
    """An arm that learns from the student's own samples."""
    own = {"trainer": "on-policy", "trainer_settings": {**_RATES, **settings}}
    return Arm(name, "uniform", env_settings=own)
