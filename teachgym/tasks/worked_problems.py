"""``WorkedProblems``: a task of problems with worked solutions that end in a final answer.

What GSM8K and MATH have in common. The prompt is the same before and after training and says how
the final answer must be written, so that a gain is never one of format: DataEnvGym shows four
worked problems to the untrained student and none to the trained one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from teachgym.errors import ConfigError
from teachgym.tasks.math_grading import grade_answers, require_math_verify
from teachgym.tasks.problem_splits import Problem, ProblemSplits
from teachgym.tasks.task import ListedTask
from teachgym.types import Brief, Draft, Example, Skill, Split

MAX_DEADLINE = 3600.0
"""Seconds."""

_PROBLEM, _SOLUTION = "Problem:", "Solution:"


@dataclass(frozen=True, slots=True)
class Form:
    """The format of prompts and final answers."""

    instruction: str
    """The beginning of every prompt; it says how the final answer must be written."""
    read: Callable[[str], str | None]
    """The final answer of a solution; None if it has none."""
    write: Callable[[str], str]
    """The last line of a solution with this final answer."""
    brief: Brief
    """For those who write such problems."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The facts that define a task."""

    name: str
    skills: tuple[Skill, ...]
    levels: tuple[float, ...]


class WorkedProblems(ListedTask):
    """A task of problems with worked solutions, graded by their final answers.

    Args:
        outline: name, skills and levels.
        splits: the problems.
        form: how they are put and answered.
        deadline: seconds for the comparison of one answer with the right one, in
            (0, ``MAX_DEADLINE``]; an answer that takes longer is wrong.

    Attributes:
        dropped: problems kept out of train because val, test or the shots have the same text.

    Raises:
        MissingExtraError: if math-verify is not installed.
        ConfigError: for a deadline out of range.
    """

    stop = (f"\n\n{_PROBLEM}",)

    def __init__(
        self, outline: Outline, splits: ProblemSplits, form: Form, *, deadline: float = 5.0
    ) -> None:
        if not 0 < deadline <= MAX_DEADLINE:
            raise ConfigError(f"deadline is {deadline}; it must be in (0, {MAX_DEADLINE}] seconds")
        require_math_verify()
        self.name, self.skills, self.levels = outline.name, outline.skills, outline.levels
        self.brief, self.dropped = form.brief, splits.dropped
        self._form, self._deadline = form, deadline
        shots = (f"{_ask(p.text)}{p.solution}\n\n" for p in splits.shots)
        self._opening = f"{form.instruction}\n\n{''.join(shots)}"
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
        read = self._form.read
        return grade_answers(
            [read(example.target) for example in examples],
            [read(response.partition(self.stop[0])[0]) for response in responses],
            deadline=self._deadline,
        )

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example of a draft, in the usual format, with the final answer at the end.

        Raises:
            ConfigError: for a draft without a problem or a final answer, or whose solution comes
                to another answer.
        """
        problem, solution = draft.problem.strip(), draft.solution.strip()
        answer = self._form.read(draft.answer) or self._form.read(self._form.write(draft.answer))
        if not problem or answer is None:
            raise ConfigError(
                f"a draft needs a problem and a final answer, got {draft.problem!r:.80} and "
                f"{draft.answer!r:.80}"
            )
        found = self._form.read(solution)
        if found is None:
            solution = f"{solution}\n{self._form.write(answer)}".strip()
        elif found != answer and grade_answers([answer], [found], deadline=self._deadline) != [1]:
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
