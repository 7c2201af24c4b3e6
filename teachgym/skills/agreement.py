"""The agreement of two divisions of the same examples into skills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teachgym.protocols import Task
from teachgym.types import Example, leaves_by_root


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two assignments, independent of the skills' names."""

    ami: float
    """Adjusted mutual information: 1 = the same division (one skill for all in both included),
    0 = what chance gives on average, below 0 where it is worse; nan = nothing to compare."""
    n: int
    """Examples that both assign."""

    def __str__(self) -> str:
        return f"{self.ami:.3f} (n={self.n})"


def agreement(one: Mapping[str, str], other: Mapping[str, str]) -> Agreement:
    """Agreement of two assignments, id of an example to skill, over the ids that are in both.

    AMI = (I - E[I]) / ((H_1 + H_2) / 2 - E[I]), where I is the mutual information, H are the
    entropies and E[I] is the expectation over random divisions of the same sizes (Vinh, Epps and
    Bailey 2010, JMLR 11, "Information theoretic measures for clusterings comparison"; the
    arithmetic mean of the entropies is one of their variants, ``AMI_sum``). It needs no matching
    of names and does not grow with the number of skills.
    """
    shared = [example for example in one if example in other]
    if not shared:
        return Agreement(math.nan, 0)
    # Imported here: half a second that only those who compare should pay.
    from sklearn.metrics import adjusted_mutual_info_score

    ami = adjusted_mutual_info_score(
        [one[e] for e in shared], [other[e] for e in shared], average_method="arithmetic"
    )
    return Agreement(float(ami), len(shared))


def agreement_with_own(
    assignments: Mapping[str, str], task: Task, examples: Iterable[Example]
) -> dict[str, Agreement]:
    """Agreement of an assignment with the task's own skills: with ``leaves`` and ``roots``."""
    root = {leaf: r for r, leaves in leaves_by_root(task.skills).items() for leaf in leaves}
    leaves = {example.id: example.skill for example in examples}
    roots = {id_: root[leaf] for id_, leaf in leaves.items()}
    return {"leaves": agreement(assignments, leaves), "roots": agreement(assignments, roots)}
