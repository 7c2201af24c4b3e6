"""Self-consistency: of several solutions to a problem, keep the most frequent answer.

Wang et al. 2022 (arXiv 2203.11171), section 2, unweighted majority vote. Here the task's own
grader decides which answers are equal, and a problem without enough agreement is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teachgym.types import Example

Grade = Callable[[Example, str], float]
"""A task's grader: the score of a response to an example."""


def group_answers(candidates: Sequence[Example], grade: Grade) -> list[list[Example]]:
    """Groups of candidates with equal answers by the grader, largest first.

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
