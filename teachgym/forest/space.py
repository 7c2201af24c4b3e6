"""The observation of a Skill-Tree environment in words, as a value, as JSON and as a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from teachgym.forest.forest import Experience, Forest, Subskill
from teachgym.records import (
    Record,
    report_from_json,
    report_to_json,
    score_from_json,
    score_to_json,
)
from teachgym.shown import in_short
from teachgym.spaces import ReportSpace, WordSpace, move_from_json, move_to_json
from teachgym.types import Growing, Report


@dataclass(frozen=True, slots=True)
class TreeReport:
    """The evaluation on ``val`` and the forest beside it."""

    report: Report
    forest: Forest

    __repr__ = in_short


class TreeReportSpace(WordSpace[TreeReport]):
    """Reports of a Skill-Tree environment; ``sample`` draws one with a forest of bare roots."""

    def __init__(
        self,
        skills: Sequence[str],
        roots: Sequence[str],
        max_subskills: int,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.reports = ReportSpace(skills, "val")
        self.roots = tuple(roots)
        self.max_subskills = max_subskills
        super().__init__(seed)

    def draw(self, rng: np.random.Generator) -> TreeReport:
        """A random report and a forest of bare roots."""
        return TreeReport(self.reports.draw(rng), Forest.bare(self.roots, self.max_subskills))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tree report over the skills and roots of the space."""
        return (
            isinstance(x, TreeReport)
            and self.reports.contains(x.report)
            and tuple(x.forest.trees) == self.roots
            and x.forest.max_subskills == self.max_subskills
        )

    def to_json(self, element: TreeReport) -> Record:
        """An object with keys ``report`` and ``forest``."""
        return {
            "report": report_to_json(element.report),
            "forest": forest_to_json(element.forest),
        }

    def from_json(self, record: Any) -> TreeReport:
        """Inverse of ``to_json``."""
        return TreeReport(report_from_json(record["report"]), forest_from_json(record["forest"]))

    def sizes(self) -> tuple[Any, ...]:
        """Skills, roots and the most subskills of a root."""
        return self.reports.sizes(), self.roots, self.max_subskills


def forest_to_json(forest: Forest) -> Record:
    """The forest as JSON values."""
    history = list(map(experience_to_json, forest.history))
    trees = {root: list(map(asdict, tree)) for root, tree in forest.trees.items()}
    return {"trees": trees, "max_subskills": forest.max_subskills, "history": history}


def forest_from_json(record: Mapping[str, Any]) -> Forest:
    """Inverse of ``forest_to_json``."""
    trees = {root: tuple(Subskill(**s) for s in tree) for root, tree in record["trees"].items()}
    history = Growing(map(experience_from_json, record["history"]))
    return Forest(trees, record["max_subskills"], history)


def experience_to_json(experience: Experience) -> Record:
    """A line of the forest's history as a JSON object."""
    return {
        "root": experience.root,
        "step": experience.step,
        "move": move_to_json(experience.move),
        "before": score_to_json(experience.before),
        "after": score_to_json(experience.after),
    }


def experience_from_json(record: Mapping[str, Any]) -> Experience:
    """Inverse of ``experience_to_json``."""
    scores = {when: score_from_json(record[when]) for when in ("before", "after")}
    return Experience(**{**record, "move": move_from_json(record["move"]), **scores})
