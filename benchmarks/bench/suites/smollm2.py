"""``smollm2``: teachers on a student that others pretrained, and tasks that others made."""

from __future__ import annotations

from teachgym.benchmarks.bench.suites.suite import Arm, Suite

SKILLS = (
    *("aiw", "basic_arithmetic", "calendar_arithmetic", "chain_sum", "family_relationships"),
    *("gcd", "isomorphic_strings", "letter_counting", "number_sequence", "products"),
    *("spell_backward", "syllogism"),
)
"""Datasets of reasoning-gym of which the model knows something after a first dose; see
``smollm2``."""


def smollm2() -> Suite:
    """SmolLM2-135M-Instruct (extra ``smollm2``) on twelve datasets of reasoning-gym (its extra).

    Asked as the datasets ask, the model writes sentences, of which the graders take next to
    nothing: 0 of 24 items right in each of thirteen datasets. So the first examples teach what an
    answer looks like in all skills at once, and only then does it matter which skills are taught.

    After such a first dose (240 examples of 22 datasets, 11 each, three passes at a rate of 1e-3,
    the one that this suite has; one seed, on a CPU) it had right, of 16 items of a dataset: 13 of
    ``syllogism``, 11 of ``isomorphic_strings``, 9 of ``gcd``, 5 of ``letter_counting``, 4 of
    ``aiw``, ``calendar_arithmetic`` and ``chain_sum``, 3 of ``family_relationships``, 2 of
    ``basic_arithmetic``, 1 of ``products``, and 3 of 8 of ``number_sequence``. Of
    ``spell_backward`` it had none; the grader gave parts of a point, 0.16 on average. These
    are the suite's. Left out are ``color_cube_rotation`` (1 of 16) and what it had none of:
    ``count_bits``, ``count_primes``, ``decimal_chain_sum``, ``fraction_simplification``,
    ``leg_counting``, ``prime_factorization``, ``simple_equations``, ``time_intervals`` and
    ``word_sorting``.

    The suite is meant for a GPU, with several students around one model; a process of its own for
    each seed divides what the CPU does::

        teachgym bench smollm2 --gpu 0 --gpu 0 --gpu 0 --together 5

    It was never run on one.
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
            "trainer_settings": {"learning_rate": 1e-3},
            "budget": {"steps": 6, "examples": 1440},
            "examples_per_step": 240,
        },
        seeds=3,
        seeded=("task_settings.seed",),
    )
