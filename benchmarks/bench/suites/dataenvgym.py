"""``dataenvgym-math``: the paper's experiment by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import OPEN_ENDED, SKILL_TREE
from teachgym.benchmarks.bench.suites.structure import PLACES
from teachgym.benchmarks.bench.suites.suite import SKILL_LIST, Arm, Suite

_PROPOSER: Mapping[str, Mapping[str, Any]] = {SKILL_TREE: {"proposer": "llm"}}


def dataenvgym_math() -> Suite:
    """DataEnvGym's agents on MATH with the paper's student and teacher (arXiv 2410.06215, table 2).

    Needs a GPU, the data (``--set task_settings.path=...`` for another source) and a key. As
    in the paper: Gemma-2-2B-it, LoRA of rank 16, 3 epochs from the base weights on all data so
    far, 120 examples a step, 10 steps, answers of 350 tokens. Unlike there: one prompt before and
    after training, a validation set disjoint from all that a teacher sees, one budget of steps and
    examples for all arms. State is tested within each environment (``against``).
    """
    arms = [
        place.arm(
            state=state,
            against=place.arm_name(state=False) if state else "",
            env_settings=_PROPOSER.get(place.env),
        )
        for place in PLACES
        for state in (False, True)
    ]
    controls = (
        Arm("no-data", "nothing", {}, SKILL_LIST, {"engine": "pool"}, control=True),
        Arm("real-data", "uniform", {}, SKILL_LIST, {"engine": "pool"}, control=True),
    )
    return Suite(
        "dataenvgym-math",
        1,
        "the paper's agents on MATH: three environments, with and without state; needs a GPU",
        (*arms, *controls),
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
        reference="no-data",
        chat={"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.0},
    )
