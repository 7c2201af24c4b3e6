"""``WorkedProblems``: a task of problems with worked solutions that end in a final answer.

What GSM8K and MATH have in common. The prompt is the same before and after training and says how
the final answer must be written, so that a gain is never one of format: DataEnvGym shows four
worked problems to the untrained student and none to the trained one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from teachgym.errors import ConfigError
from teachgym.settings import FewOrNone, Seconds, checked
from teachgym.tasks.math_grading import grade_answers, require_math_verify
from teachgym.tasks.problem_splits import Problem
from teachgym.tasks.question_answer_files import RowsTask
from teachgym.types import Draft, Example, Split

_PROBLEM, _SOLUTION = "Problem:", "Solution:"


@dataclass(frozen=True, slots=True)
class Form:
    """The format of final answers."""

    read: Callable[[str], str | None]
    """The final answer of a solution; None if it has none."""
    write: Callable[[str], str]
    """The last line of a solution with this final answer."""


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class WorkedProblems(RowsTask):
    """A task of problems with worked solutions, graded by their final answers.

    To write: ``skills``, ``brief`` and ``form``, and a ``__post_init__`` that calls ``put``.

    Raises:
        MissingExtraError: if math-verify is not installed.
        ConfigError: for files that are not there or cannot be read, a missing column, a value in
            one that is none, an empty split, or a setting out of range.
    """

    instruction: str
    """The beginning of every prompt; it should say how to write the final answer."""
    shots: FewOrNone = 0
    """Worked problems from train that every prompt shows, >= 0."""
    deadline: Seconds = 5.0
    """Seconds to compare one answer with the right one, > 0; what takes longer is wrong."""

    form: ClassVar[Form]
    stop = (f"\n\n{_PROBLEM}",)

    def put(self, version: str, problems: Iterable[Sequence[Problem]], val_per_cell: int) -> None:
        """Divide the problems of ``train`` and ``test``, and make the prompts that put them."""
        require_math_verify()
        splits = self.divide(version, problems, val_per_cell, self.shots)
        shots = (f"{_ask(p.text)}{p.solution}\n\n" for p in splits.shots)
        self._opening = f"{self.instruction}\n\n{''.join(shots)}"
        self._examples = splits.examples(self._example)
        self._unchecked: set[Split] = {"val", "test"}

    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of a split, in the order of the data set.

        Warns, once for ``val`` and for ``test``, if there are any that cannot be graded because
        their own final answer is missing or cannot be parsed; their grades are nan.
        """
        if split in self._unchecked:
            self._unchecked.discard(split)
            self._warn_of_unmeasured(split)
        return super().examples(split)

    def grade(self, example: Example, response: str) -> float:
        """The score: 1 if the response's final answer equals the target's, else 0.

        nan if the target has none that can be parsed. Safe to call from any thread.
        """
        return self.grade_all([example], [response])[0]

    def grade_all(self, examples: Sequence[Example], responses: Sequence[str]) -> list[float]:
        """The score of each response, computed in several processes."""
        read = self.form.read
        return grade_answers(
            [read(example.target) for example in examples],
            [read(response.partition(self.stop[0])[0]) for response in responses],
            deadline=self.deadline,
        )

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example of a draft, in the usual format, with the final answer at the end.

        Raises:
            ConfigError: for a draft without a problem or a final answer, or whose solution comes
                to another answer.
        """
        problem, solution = draft.problem.strip(), draft.solution.strip()
        answer = self.form.read(draft.answer) or self.form.read(self.form.write(draft.answer))
        if not problem or answer is None:
            raise ConfigError(
                f"a draft needs a problem and a final answer, got {draft.problem!r:.80} and "
                f"{draft.answer!r:.80}"
            )
        found = self.form.read(solution)
        if found is None:
            solution = f"{solution}\n{self.form.write(answer)}".strip()
        elif found != answer and grade_answers([answer], [found], deadline=self.deadline) != [1]:
            raise ConfigError(f"the solution comes to {found!r:.80}, but the answer is {answer!r}")
        plain = replace(draft, problem=self._prompt(problem), answer=solution)
        return super().compose(plain, skill, difficulty)

    def _prompt(self, text: str) -> str:
        return self._opening + _ask(text)

    def _example(self, problem: Problem) -> Example:
        return problem.example(self._prompt(problem.text))

    def _warn_of_unmeasured(self, split: Split) -> None:
        examples = self._examples[split]
        scores = self.grade_all(examples, [e.target for e in examples])
        unmeasured = [e.id for e, score in zip(examples, scores, strict=True) if score != 1]
        if unmeasured:
            warnings.warn(
                f"{len(unmeasured)} of {len(examples)} items of {split} in {self.name} cannot be "
                f"graded, because their own answers cannot be read: {', '.join(unmeasured[:5])}",
                stacklevel=3,
            )


def _ask(text: str) -> str:
    return f"{_PROBLEM}\n{text}\n\n{_SOLUTION}\n"
