"""``dataenvgym-math``: the paper's experiment by name."""

from __future__ import annotations

from teachgym.benchmarks.suites.shared import OPEN_ENDED, SKILL_TREE
from teachgym.benchmarks.suites.suite import SKILL_LIST, Arm, Suite


def dataenvgym_math() -> Suite:
    """DataEnvGym's agents on MATH with the paper's student and teacher (arXiv 2410.06215, table 2).

    Needs a GPU, the data (``--set task_settings.path=...`` for another source) and a key. As
    in the paper: Gemma-2-2B-it, LoRA of rank 16, 3 epochs from the base weights on all data so
    far, 120 examples a step, 10 steps, answers of 350 tokens. Unlike there: one prompt before and
    after training, a validation set disjoint from all that a teacher sees, one budget for all arms.
    """
    arms = [
        Arm(f"{short}-{'with' if state else 'no'}-state", "llm", {"state": state}, env, settings)
        for short, env, settings in (
            ("open-ended", OPEN_ENDED, {}),
            ("skill-list", SKILL_LIST, {"engine": "llm"}),
            ("skill-tree", SKILL_TREE, {"engine": "llm", "proposer": "llm"}),
        )
        for state in (False, True)
    ]
    real = Arm("real-data", "uniform", {}, SKILL_LIST, {"engine": "pool"}, control=True)
    return Suite(
        "dataenvgym-math",
        1,
        "the paper's agents on MATH: three environments, with and without state; needs a GPU",
        (*arms, real),
        env=OPEN_ENDED,
        env_settings={
            "task": "math",
            "task_settings": {"path": "EleutherAI/hendrycks_math", "val_per_cell": 10},
            "student": "google/gemma-2-2b-it",
            "student_settings": {"max_new_tokens": 350, "adaptation": "lora", "rank": 16},
            "training": "scratch",
            "examples_per_step": 120,
            "budget": {"steps": 10, "examples": 1200},
        },
        seeds=3,
        reference="open-ended-no-state",
        chat={"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.0},
    )
