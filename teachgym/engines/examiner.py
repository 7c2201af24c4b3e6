"""Turns the fields that a chat model filled in into checked examples.

What fails is noted in the meter by the name of the check and is dropped alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from teachgym.engines.writer_settings import WriterSettings
from teachgym.engines.written import Fields, right_draft, wrong_draft
from teachgym.errors import ConfigError
from teachgym.gate import normalise
from teachgym.gate.filters.llkd_like import CONFIDENCE
from teachgym.syllabus import Syllabus
from teachgym.types import Data, Draft, Example


@dataclass(frozen=True, slots=True)
class Unverified:
    """An example whose target the task rejects, with the task's diagnosis."""

    log: str


@dataclass(frozen=True, slots=True)
class Examiner:
    """Makes examples from problems and solutions, or rejects them."""

    syllabus: Syllabus
    settings: WriterSettings
    note: Callable[[str, str], None]
    """Tells of an incident: the check that failed, and how."""
    leaf: str
    """The skill of the examples."""
    difficulty: float | None
    """The difficulty of the examples, in [0, 1]."""

    def examine(
        self, problem: Fields, solutions: Sequence[Fields], shown: Data
    ) -> Example | Unverified | None:
        """The problem with the elected solution; None if it cannot be used.

        Args:
            problem: its text, and its tests where it has some.
            solutions: what was filled in for each vote; fewer than votes where some were lost.
            shown: training examples that the writer was shown, and must not have copied.
        """
        example = self._elect(problem, solutions)
        if example is None:
            return None
        is_shown = normalise(example.prompt) in {normalise(other.prompt) for other in shown}
        if is_shown and self.settings.style != "answer":
            self.note("duplicate", f"{example.prompt!r:.200} is one of the examples shown")
            return None
        if not is_shown and self.settings.style == "answer":
            self.note("other-problem", f"{example.prompt!r:.200} is not one of the examples shown")
            return None
        if self.settings.verify and self.syllabus.verify(example) != 1:
            self.note("unverified", f"{example.target!r:.200} for {example.prompt!r:.200}")
            return Unverified(self.syllabus.diagnose(example) if self.settings.repairs else "")
        return example

    def _elect(self, problem: Fields, solutions: Sequence[Fields]) -> Example | None:
        """The example with the only solution, or with votes, with the most frequent answer.

        Their share is the writer's confidence, for filters that ask for it.
        """
        composed = [self._compose(right_draft(problem, filled)) for filled in solutions]
        examples = [example for example in composed if example is not None]
        if not examples:
            self.note("unsolved", f"no usable solution of {problem['problem']!r:.200}")
            return None
        votes = self.settings.votes
        if votes == 1:
            wrong = wrong_draft(problem, solutions[0]) if self.settings.rejected else None
            return self._contrast(examples[0], wrong)
        groups = group_answers(examples, self.syllabus.grade)
        sizes = [len(group) for group in groups]
        if not groups or sizes[0] / votes < self.settings.agreement:
            self.note(
                "disagreement", f"{sizes} of {votes} votes agree: {problem['problem']!r:.200}"
            )
            return None
        lost = self.settings.rejected and len(groups) > 1
        elected = groups[0][0]
        return replace(
            elected,
            rejected=groups[1][0].target if lost else None,
            meta={**elected.meta, CONFIDENCE: sizes[0] / votes},
        )

    def _contrast(self, example: Example, wrong: Draft | None) -> Example:
        """The example with a response that the task grades below 1, in the form of its target."""
        response = None if wrong is None else self._compose(wrong)
        # A grade of nan means that nobody knows, so it is not below 1.
        if response is not None and not self.syllabus.grade(example, response.target) < 1:
            self.note("not-wrong", f"{response.target!r:.200} for {example.prompt!r:.200}")
            response = None
        return replace(example, rejected=None if response is None else response.target)

    def _compose(self, draft: Draft) -> Example | None:
        try:
            return self.syllabus.compose(draft, self.leaf, self.difficulty)
        except ConfigError as error:
            self.note("bad-draft", str(error))
            return None


def group_answers(
    candidates: Sequence[Example], grade: Callable[[Example, str], float]
) -> list[list[Example]]:
    """Groups of candidates with equal answers by the grader, largest first.

    Self-consistency keeps the most frequent answer (Wang et al. 2022, arXiv 2203.11171, section 2,
    unweighted majority vote); here the task's own grader decides which answers are equal, and a
    problem without enough agreement is dropped.

    A candidate joins the first group whose first member gives its target full marks. One whose
    target does not even get full marks from itself cannot be read, and is in no group. Of groups
    of one size the earlier comes first.

    Args:
        candidates: examples with one prompt and different targets.
        grade: the grader; a score of 1 means equal.

    Example:
        >>> answers = [Example("1 + 1 =", t, "add") for t in ("3", "2", "2")]
        >>> groups = group_answers(answers, lambda example, text: float(text == example.target))
        >>> [[e.target for e in group] for group in groups]
        [['2', '2'], ['3']]
    """
    groups: list[list[Example]] = []
    for candidate in candidates:
        if grade(candidate, candidate.target) != 1:
            continue
        home = next((g for g in groups if grade(g[0], candidate.target) == 1), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return sorted(groups, key=len, reverse=True)
