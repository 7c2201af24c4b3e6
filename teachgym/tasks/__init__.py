"""Tasks by name; each is imported when it is made."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from teachgym.capability import Capability
from teachgym.protocols import Task
from teachgym.registry import Registry

TASKS = Registry(
    "task",
    {
        "arithmetic-and-strings": "teachgym.tasks.arithmetic_and_strings:ArithmeticAndStrings",
        "bfcl": "teachgym.tasks.bfcl:Bfcl",
        "broken-queries": "teachgym.tasks.broken_queries:BrokenQueries",
        "easy-vqa": "teachgym.tasks.easy_vqa:EasyVqa",
        "gqa": "teachgym.tasks.gqa:Gqa",
        "gsm8k": "teachgym.tasks.gsm8k:Gsm8k",
        "math": "teachgym.tasks.competition_math:CompetitionMath",
        "human-eval": "teachgym.tasks.human_eval:HumanEval",
        "naturalbench": "teachgym.tasks.natural_bench:NaturalBench",
        "livecodebench": "teachgym.tasks.livecodebench:LiveCodeBench",
        "programs": "teachgym.tasks.programs:Programs",
        "reasoning-gym": "teachgym.tasks.reasoning_gym:ReasoningGymTask",
        "qa": "teachgym.tasks.question_answers:QuestionAnswers",
        "word-problems": "teachgym.tasks.word_problems:WordProblems",
        "second-try": "teachgym.tasks.second_try:SecondTry",
        "shapes": "teachgym.tasks.shapes:Shapes",
        "several": "teachgym.tasks.several:SeveralTasks",
        "stated-confidence": "teachgym.tasks.stated_confidence:StatedConfidence",
        "tool-calls": "teachgym.tasks.tool_calls:ToolCalls",
        "tool-plans": "teachgym.tasks.tool_plans:ToolPlans",
    },
    extras={
        "gsm8k": ("math", "math_verify"),
        "math": ("math", "math_verify"),
        "reasoning-gym": ("reasoning-gym", "reasoning_gym"),
        "easy-vqa": ("vision", "PIL"),
        "gqa": ("vision", "PIL"),
        "naturalbench": ("vision", "PIL"),
        "shapes": ("vision", "PIL"),
    },
    base=Task,
)
"""Every task, called as ``(**settings)``."""


_DRAWN = ("arithmetic-and-strings", "broken-queries", "tool-calls", "tool-plans", "word-problems")
"""Tasks that nothing but their settings decides, and that make no others."""


def make_task(name: Any, **settings: Any) -> Task:
    """Make the task with this name, in any form that ``teachgym.registry`` accepts.

    A task whose settings alone decide it is one object for equal settings, so that its items are
    drawn once for all environments of a process.

    Raises:
        UnknownNameError: for what names no task.
        ConfigError: for a setting the task does not have, or a value that it cannot have.
        MissingExtraError: if a package that the task needs is not installed.
    """
    if isinstance(name, str) and name in _DRAWN:
        TASKS.check(name, settings)  # Afterwards they are numbers and texts.
        drawn: Task = _drawing(os.getpid())("make", name, tuple(sorted(settings.items())))
        return drawn
    task: Task = TASKS.make(name, settings=settings)
    return task


@lru_cache(1)  # A fork has none of its parent's threads.
def _drawing(pid: int) -> Capability:
    """The right to draw tasks; what was drawn is kept where no teacher can reach it."""

    @lru_cache(4)  # The items of more tasks would fill the memory.
    def make(name: str, settings: tuple[tuple[str, Any], ...]) -> Task:
        task: Task = TASKS.make(name, settings=dict(settings))
        return task

    return Capability(make=make)
