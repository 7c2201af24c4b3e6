"""``teacher-ablation``: what a better teacher is worth, and what errors of a teacher cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED, SCRIPTED
from teachgym.benchmarks.bench.suites.structure import PLACES
from teachgym.benchmarks.bench.suites.suite import Arm, Suite

_UNCHECKED: Mapping[str, Any] = {"verify": False}


def teacher_ablation() -> Suite:
    """Strong, weak and noisy teachers in the place of a better and a worse chat model.

    DataEnvGym (arXiv 2410.06215, table 4, means of three tasks) finds more gain under GPT-4o than
    under GPT-4o-mini in all environments: 4.60 against 0.77 points in Open-Ended, 3.15 against
    1.75 in Skill-List, 3.32 against 1.81 in Skill-Tree.

    Two ways in which a model may be worse are told apart here. A *weak* one counts the student's
    mistakes where the strong one reads them, in all three environments; in Skill-List, where it
    has but levels to choose, they can hardly differ. A *noisy* one plans as well as the strong
    one, but three of ten answers that it writes are wrong, in Open-Ended:

    * ``noisy-unchecked``: the student is trained on what comes;
    * ``noisy``: the task can tell a wrong answer, and the writer asks for another exercise;
    * ``noisy-gated``: the writer does not look, so the gate keeps wrong ones out, and they are
      missing;
    * ``noisy-voted``: nobody can tell, but each problem is solved three times, and two answers
      must agree.

    So it tells what reading mistakes, checks and votes are worth to the student; not which of
    it any real model is good at. The simulated student gives no answers worth reading and reads
    none: for it, the arms of an environment differ in little but the number of examples. Since
    arms bring their own chat models, ``--chat`` is of no use here.
    """
    strong = [
        Arm(f"{place.name}-strong", "llm", place.teacher_settings, place.env, place.env_settings)
        for place in PLACES
    ]
    counting = {"model": f"{SCRIPTED['model']}_weakly"}
    weak = [
        replace(arm, name=f"{place.name}-weak", against=arm.name, chat=counting)
        for place, arm in zip(PLACES, strong, strict=True)
    ]
    noisy = [
        _noisy("noisy-unchecked", _UNCHECKED, _UNCHECKED, against="open-ended-strong"),
        _noisy("noisy"),
        _noisy("noisy-gated", _UNCHECKED),
        _noisy("noisy-voted", {**_UNCHECKED, "votes": 3}, _UNCHECKED),
    ]
    return Suite(
        "teacher-ablation",
        2,
        "scripted teachers that read mistakes, that only count them, and that write wrong answers",
        (*strong, *weak, *noisy),
        env_settings=EMBEDDED,
        seeds=10,
        seeded=DRAWN,
        reference="open-ended-strong",
        chat=SCRIPTED,
        brief=("open-ended-weak", "noisy", "noisy-unchecked"),
    )


def _noisy(
    name: str,
    writer: Mapping[str, Any] | None = None,
    gate: Mapping[str, Any] | None = None,
    *,
    against: str = "noisy-unchecked",
) -> Arm:
    """An arm whose teacher errs, with settings of its writer and of the gate."""
    return Arm(
        name,
        "llm",
        {"writer": writer or {}},
        PLACES[0].env,
        {"gate_settings": gate or {}},
        against=against,
        chat={"model": f"{SCRIPTED['model']}_wrongly"},
    )
