"""``dataenvgym-math``, ``-code``, ``-tools``, ``-vqa``: the paper's experiments, their twins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teachgym.benchmarks.bench.suites.shared import DRAWN, OPEN_ENDED, SCRIPTED, SKILL_TREE
from teachgym.benchmarks.bench.suites.structure import PLACES
from teachgym.benchmarks.bench.suites.suite import SKILL_LIST, Arm, Suite
from teachgym.students.bases import SMALL, SMALL_CODE, SMALL_TOOLS, TINY_VISION

_PROPOSER: Mapping[str, Mapping[str, Any]] = {SKILL_TREE: {"proposer": "llm"}}
_PAPER: Mapping[str, Any] = {
    "training": "scratch",
    "examples_per_step": 120,
    "budget": {"steps": 10, "examples": 1200},
}
_REHEARSED: Mapping[str, Any] = {
    "rehearsal": 2.0,
    "examples_per_step": 40,
    "budget": {"steps": 10, "examples": 400},
}
_REHEARSED_IN_FOUR: Mapping[str, Any] = {
    "rehearsal": 1.0,
    "examples_per_step": 300,
    "budget": {"steps": 4, "examples": 1200},
}
_WHOLE: Mapping[str, Any] = {
    "training": "scratch",
    "rehearsal": 1.0,
    "trainer_settings": {"learning_rate": 0.001},
    "examples_per_step": 600,
    "budget": {"steps": 3, "examples": 1800},
}
_GEMMA, _LLAMA = "google/gemma-2-2b-it", "meta-llama/Meta-Llama-3-8B-Instruct"
_PALIGEMMA = "google/paligemma-3b-pt-224"


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


def dataenvgym_vqa() -> Suite:
    """DataEnvGym's agents on GQA with the paper's student, PaliGemma (arXiv 2410.06215, table 2).

    As in the paper: PaliGemma-3B at 224 pixels, LoRA of rank 16, 10 epochs at 2e-5, answers of at
    most 100 tokens. Unlike there no pictures are made: what is ordered is taken from GQA's own
    training questions, so a teacher chooses skills and not scenes. In Open-Ended it would have to
    write the pictures, so that environment is left out. The files are the authors', in the folder
    ``gqa`` (``--set task_settings.path=...`` and ``task_settings.images`` for others). Teachers
    read no pictures: what they see of mistakes are questions and answers.
    """
    files = {"train": "train_balanced_questions.json", "test": "testdev_balanced_questions.json"}
    settings = {
        "path": {split: f"gqa/{name}" for split, name in files.items()},
        "images": "gqa/images",
        "limit": 20_000,
        "test_limit": 2000,
    }
    suite = _suite("vqa", "GQA", "gqa", settings, _PALIGEMMA, 100)
    arms = [
        replace(arm, env_settings={**(arm.env_settings or {}), "engine": "pool"})
        for arm in suite.arms
        if arm.env != OPEN_ENDED
    ]
    trainer = {"trainer_settings": {"learning_rate": 2e-5, "epochs": 10}}
    return replace(suite, arms=tuple(arms), env_settings={**suite.env_settings, **trainer})


def dataenvgym_math_embedded() -> Suite:
    """``dataenvgym-math`` offline: ``word-problems``, the student ``small``, a scripted teacher.

    The environments are those of the paper, and so is training from the base weights on all data so
    far. Student, task and teacher are not: a function plays the chat model
    (``teachgym.benchmarks.bench.scripted_teacher``). It reads mistakes as a person may, writes only
    right exercises, and has not met a language model's difficulties. ``uniform`` and ``oracle``
    show how much there is to gain by choosing, ``weakest`` and ``alp`` how much of it the
    accuracies of skills alone find.

    Unlike in the paper, a run has three steps of 600 examples, each with another that the student
    answered right untrained (``rehearsal``): a student of two million parameters learns little from
    fewer, and forgets what it is not taught.
    """
    suite = _embedded("math", "word problems", "word-problems", SMALL, _WHOLE)
    small = {"task_settings": {"val_per_cell": 4, "test_per_cell": 20}}
    return replace(suite, version=3, env_settings={**suite.env_settings, **small})


def dataenvgym_code_embedded() -> Suite:
    """``dataenvgym-code`` offline, as ``dataenvgym-math-embedded``: ``programs`` and its student.

    Programs run in a sandbox (extra ``code``). A run has four steps of 300 examples, each of which
    goes on with the student of the last one, on as many again that it knew untrained
    (``rehearsal``).
    """
    suite = _embedded("code", "programs", "programs", SMALL_CODE, _REHEARSED_IN_FOUR)
    return replace(suite, version=3)


def dataenvgym_tools_embedded() -> Suite:
    """``dataenvgym-tools`` offline, as ``dataenvgym-math-embedded``: plans of calls of tools.

    Unlike there each step goes on with the student of the last one, on 40 examples and twice as
    many that it knew untrained (``rehearsal``), since a student of a million parameters forgets
    what it is not taught.
    """
    suite = _embedded("tools", "plans of tool calls", "tool-plans", SMALL_TOOLS, _REHEARSED)
    return replace(suite, version=3)


def dataenvgym_vqa_embedded() -> Suite:
    """``dataenvgym-vqa`` offline, as ``dataenvgym-math-embedded``: ``shapes`` and its student.

    Teachers write scenes in words, which are drawn, so Open-Ended is here, too. The scripted one
    counts mistakes, since no answer of a word is nearly right.
    """
    return _embedded("vqa", "pictures of shapes", "shapes", TINY_VISION)


def _embedded(
    domain: str, shown: str, task: str, student: str, training: Mapping[str, Any] = _PAPER
) -> Suite:
    """The suite of a domain with an embedded student and the scripted teacher of its task."""
    chosen = {
        "no-data": "nothing",
        "real-data": "uniform",
        **{teacher: teacher for teacher in ("uniform", "weakest", "alp", "oracle")},
    }
    engines = {"real-data": {"engine": "pool"}}
    controls = [
        Arm(name, teacher, {}, SKILL_LIST, engines.get(name, {}), control=True)
        for name, teacher in chosen.items()
    ]
    teacher = str(SCRIPTED["model"]).replace(":answer", f":{task.replace('-', '_')}")
    return Suite(
        f"dataenvgym-{domain}-embedded",
        2,
        f"the paper's agents on {shown}, offline: an embedded student, a scripted teacher",
        (*_agents({}), *controls),
        env=OPEN_ENDED,
        env_settings={
            "task": task,
            "task_settings": {"test_per_cell": 20},
            "student": student,
            **training,
        },
        seeds=10,
        seeded=DRAWN,
        reference="no-data",
        chat={**SCRIPTED, "model": teacher},
    )


def _agents(proposers: Mapping[str, Mapping[str, Any]]) -> list[Arm]:
    """The paper's agents, each without state and with it; settings of environments by their id."""
    return [
        place.arm(
            state=state,
            against=place.arm_name(state=False) if state else "",
            env_settings=proposers.get(place.env),
        )
        for place in PLACES
        for state in (False, True)
    ]


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
    arms = _agents(_PROPOSER)
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
            **_PAPER,
        },
        seeds=3,
        reference="no-data",
        chat={"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.0},
    )
