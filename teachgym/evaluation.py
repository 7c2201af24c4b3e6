"""Generate, grade, report: how a student is measured, before and after training alike."""

from __future__ import annotations

from teachgym.protocols import Student, Task
from teachgym.types import Prediction, Report, Split


class GenerateAndGrade:
    """Asks every example of a split, greedily, and has the task grade the answers.

    The prompts are the examples' own, so the format never changes between two reports, and the
    items are the same each time, so two reports can be paired.
    """

    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        """The report over ``task.examples(split)``, in that order."""
        examples = task.examples(split)
        responses = student.generate([e.prompt for e in examples])
        predictions = (
            Prediction(example, response, task.grade(example, response))
            for example, response in zip(examples, responses, strict=True)
        )
        return Report(tuple(predictions), split)
