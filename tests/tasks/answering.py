"""Reports on whoever answers by a function of the prompt, such as an oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from teachgym.evaluation import GenerateAndGrade
from teachgym.protocols import Task
from teachgym.testing.fakes import TableStudent
from teachgym.types import Prompt, Report, Split


def report_of(task: Task, answer: Callable[[Prompt], str], split: Split = "val") -> Report:
    """The report on answers to a split, through the evaluator."""

    def ask(student: Any, prompts: Sequence[Prompt], stop: Sequence[str]) -> list[str]:
        return [answer(prompt) for prompt in prompts]

    return GenerateAndGrade(ask=ask).evaluate(TableStudent(), task, split)


def answer_key(task: Task, split: Split = "val") -> Callable[[Prompt], str]:
    """The answers of an oracle: the targets."""
    targets = {example.identity: example.target for example in task.examples(split)}
    return lambda prompt: targets[prompt.identity]
