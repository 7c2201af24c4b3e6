"""``dataenvgym-math``, ``-code`` and ``-tools``: the paper's experiments by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachgym.benchmarks.bench.suites.shared import OPEN_ENDED, SKILL_TREE
from teachgym.benchmarks.bench.suites.structure import PLACES
from teachgym.benchmarks.bench.suites.suite import SKILL_LIST, Arm, Suite

_PROPOSER: Mapping[str, Mapping[str, Any]] = {SKILL_TREE: {"proposer": "llm"}}
_GEMMA, _LLAMA = "google/gemma-2-2b-it", "meta-llama/Meta-Llama-3-8B-Instruct"


def dataenvgym_math() -> Suite:
    """DataEnvGym's agents on MATH with the paper's student and teacher (arXiv 2410.06215, table 2).

    Needs a GPU, the data (``--set task_settings.path=...`` for another source) and a key. As
    in the paper: Gemma-2-2B-it, LoRA of rank 16, 3 epochs from the base weights on all data so
    far, 120 examples a step, 10 steps, answers of 350 tokens. Unlike there: one prompt before and
    after training, a validation set disjoint from all that a teacher sees, one budget of steps and
    examples for all arms. State is tested within each environment (``against``).
    """
    settings = {"path": "EleutherAI/hendrycks_math", "val_per_cell": 10}
    return _suite("math", "MATH", "math", settings, _GEMMA, 350)


def dataenvgym_code() -> Suite:
    """DataEnvGym's agents on LiveCodeBench with Llama-3-8B-Instruct (arXiv 2410.06215, table 2).

    As ``dataenvgym-math``, but: answers of 2,000 tokens, items of release 2, of which those from
    April 2024 on, which release 1 has not, are for validation. Unlike in the paper the budget is
    that of MATH. All problems are of one skill until others are found (``teachgym discover``,
    ``--set skills=FILE``). There are no training examples, so there is no control with real data.
    """
    settings = {"release": "release_v2", "val_from": "2024-04-01"}
    return _suite("code", "LiveCodeBench", "livecodebench", settings, _LLAMA, 2000, pool=False)


def dataenvgym_tools() -> Suite:
    """DataEnvGym's agents on calls of functions, with Llama-3-8B-Instruct, answers of 256 tokens.

    The paper's addition on tools is about m&m's, whose tools see pictures and hear sounds; here
    they are the functions of the Berkeley leaderboard. Otherwise as ``dataenvgym-math``.
    """
    return _suite("tools", "BFCL", "bfcl", {}, _LLAMA, 256)


def _suite(
    domain: str,
    shown: str,
    task: str,
    task_settings: Mapping[str, Any],
    student: str,
    max_new_tokens: int,
    *,
    pool: bool = True,
) -> Suite:
    """The suite of a domain; ``pool``: whether its task has training examples of its own."""
    arms = [
        place.arm(
            state=state,
            against=place.arm_name(state=False) if state else "",
            env_settings=_PROPOSER.get(place.env),
        )
        for place in PLACES
        for state in (False, True)
    ]
    engine = {"engine": "pool" if pool else "llm"}
    controls = {"no-data": "nothing", **({"real-data": "uniform"} if pool else {})}
    arms += [Arm(n, t, {}, SKILL_LIST, engine, control=True) for n, t in controls.items()]
    return Suite(
        f"dataenvgym-{domain}",
        1,
        f"the paper's agents on {shown}: three environments, with and without state; needs a GPU",
        tuple(arms),
        env=OPEN_ENDED,
        env_settings={
            "task": task,
            "task_settings": task_settings,
            "student": student,
            "student_settings": {
                "max_new_tokens": max_new_tokens,
                "adaptation": "lora",
                "rank": 16,
            },
            "training": "scratch",
            "examples_per_step": 120,
            "budget": {"steps": 10, "examples": 1200},
        },
        seeds=3,
        reference="no-data",
        chat={"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.0},
    )
