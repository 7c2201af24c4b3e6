"""``smollm2``: teachers on a student that others pretrained, and tasks that others made."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.suite import Arm, Suite

SKILLS = (
    *("chain_sum", "basic_arithmetic", "simple_equations", "gcd", "leg_counting"),
    *("letter_counting", "spell_backward", "isomorphic_strings", "ransom_note"),
    *("syllogism", "family_relationships", "calendar_arithmetic"),
)
"""Datasets of reasoning-gym whose prompts have at most 144 tokens at level 0, and whose answers are
a number, a word, or yes or no."""


def smollm2() -> Suite:
    """SmolLM2-135M-Instruct (extra ``smollm2``) on twelve datasets of reasoning-gym (its extra).

    Asked as the datasets ask, the model writes sentences, of which the graders take next to
    nothing: 0 of 8 items right in each dataset, level 0, and 0 of 24 other items in each of
    thirteen, of which six are here. So the first examples teach what an answer looks like in all
    skills at once, and only then does it matter which skills are taught. Which skills the model
    half knows by then was not measured. The suite is meant for a GPU with all runs of an arm's
    environment at once::

        teachgym bench smollm2 --gpu 0 --together 12

    and was never run on one.
    """
    real = {
        "engine": "pool",
        "task_settings": {"train_per_cell": 60},
        "gate_settings": {"duplicates": "allow"},
    }
    return Suite(
        "smollm2",
        1,
        "teachers on SmolLM2-135M-Instruct and datasets of reasoning-gym; needs a GPU",
        (
            Arm("uniform", "uniform", control=True),
            Arm("no-data", "nothing", control=True),
            Arm("real-data", "uniform", env_settings=real, control=True),
            Arm("weakest", "weakest"),
            Arm("alp", "alp"),
        ),
        env_settings={
            "task": "reasoning-gym",
            "task_settings": {
                "datasets": list(SKILLS),
                "levels": 2,
                "val_per_cell": 10,
                "test_per_cell": 40,
            },
            "student": "smollm2",
            "student_settings": {"max_new_tokens": 24},
            "budget": {"steps": 6, "examples": 1440},
            "examples_per_step": 240,
        },
        seeds=3,
        seeded=("task_settings.seed",),
    )
