"""The skill forest: the known subskills of each root and their allocations.

``Skill.parent`` links form the task's own forest; ``Forest`` is the teacher's growing view of
it, as in the Skill-Tree environment of DataEnvGym (arXiv 2410.06215, section 2.3 and B.4).
Everything is immutable: a move returns a new forest. Unlike there, trees may be of any depth, an
allocation is set, not changed by a signed difference, so it can never become negative; a step's
allocation and the total taught are separate numbers; names are unique; and what was not measured
says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from teachgym.apportion import apportion, scale_down
from teachgym.errors import ConfigError, UnknownSkillError, unknown
from teachgym.escaping import notebook_table
from teachgym.shown import in_short
from teachgym.types import Growing, Move, Order, Plan, Prediction, Score


@dataclass(frozen=True, slots=True)
class Subskill:
    """A discovered subskill."""

    name: str
    allocation: float = 0
    """Examples it gets in each step, >= 0, until a move changes that; on average, where it is no
    whole number."""
    taught: int = 0
    """Training examples it has had so far."""
    parent: str = ""
    """The subskill it was found under; empty = the root itself."""
    answered: int = 0
    """Examples made for it that the student answered before it was trained on them."""
    right: float = 0.0
    """Sum of the student's scores on those, in [0, answered]."""

    @property
    def own(self) -> Score:
        """The student's accuracy on the data made for it; n = 0: not measured.

        The standard error is sqrt(p (1 - p) / n), an upper bound where scores are fractions.
        """
        if self.answered == 0:
            return Score.nothing()
        mean = self.right / self.answered
        return Score(self.answered, mean, (mean * (1 - mean) / self.answered) ** 0.5)


@dataclass(frozen=True, slots=True)
class Experience:
    """The outcome of a move: a line of a root's history."""

    root: str
    step: int
    """Environment step, counted from 1."""
    move: Move
    before: Score
    """The accuracy of the root on ``val``, before the step; n = 0: not measured."""
    after: Score
    """The accuracy of the root on ``val``, after it."""

    __repr__ = in_short

    @property
    def gain(self) -> float | None:
        """Change of the root's accuracy, in [-1, 1]; None if it was not measured."""
        measured = self.before.n > 0 and self.after.n > 0
        return self.after.mean - self.before.mean if measured else None


@dataclass(frozen=True, slots=True)
class Forest:
    """The known subskills of every root, with their history."""

    trees: Mapping[str, tuple[Subskill, ...]]
    """Root name to all its subskills, of whatever depth, in order of discovery."""
    max_subskills: int
    """The most subskills a root can have, >= 1."""
    history: Growing[Experience] = field(default_factory=Growing)
    """Every move made, in order."""

    def __repr__(self) -> str:
        found = sum(map(len, self.trees.values()))
        facts = f"{found:,} subskills of {len(self.trees):,} roots, {len(self.history):,} moves"
        return f"<Forest: {facts}>"

    def _repr_html_(self) -> str:
        """The subskills, for notebooks."""
        header = ("root", "subskill", "found under", "examples per step", "taught", "own data")
        rows = (
            (root, s.name, s.parent or root, f"{s.allocation:g}", s.taught, s.own)
            for root, tree in self.trees.items()
            for s in tree
        )
        return notebook_table(repr(self)[1:-1], header, rows)

    @classmethod
    def bare(cls, roots: Sequence[str], max_subskills: int) -> Forest:
        """A forest in which nothing has been discovered."""
        if max_subskills < 1:
            raise ConfigError(f"max_subskills is {max_subskills}; it must be 1 or more")
        return cls(dict.fromkeys(roots, ()), max_subskills)

    def __iter__(self) -> Iterator[Subskill]:
        """Every subskill, root by root."""
        return (subskill for tree in self.trees.values() for subskill in tree)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is taken: roots first, then subskills."""
        return (*self.trees, *(s.name for s in self))

    def known(self, root: str) -> tuple[str, ...]:
        """Names of the discovered subskills of a root, of whatever depth."""
        if root not in self.trees:
            raise UnknownSkillError(unknown("root skill", root, self.trees))
        return tuple(s.name for s in self.trees[root])

    def root_of(self, name: str) -> str:
        """The root that a root or subskill belongs to.

        Raises:
            UnknownSkillError: for a name that is neither.
        """
        for root, tree in self.trees.items():
            if name == root or any(name == s.name for s in tree):
                return root
        raise UnknownSkillError(unknown("skill of the forest", name, self.names))

    def past(self, root: str) -> tuple[Experience, ...]:
        """The history of one root."""
        return tuple(e for e in self.history if e.root == root)

    def plan(self, under: Mapping[str, Sequence[str]], rng: np.random.Generator) -> Plan:
        """One order per subskill whose allocation, rounded without bias, is above 0.

        A leaf of the task is ordered as itself. Beside the skill that is ordered stands the
        subskill it is for, where examples do not tell: that of a skill between root and leaves, or
        an invented one, which is ordered as its root.

        Args:
            under: each skill of the task to the leaves at or under it.
            rng: rounds.
        """
        known = [(root, s) for root, tree in self.trees.items() for s in tree]
        counts = apportion([s.allocation for _, s in known], math.inf, rng).tolist()
        orders = (
            Order(
                s.name if s.name in under else root,
                n,
                subskill="" if [*under.get(s.name, ())] == [s.name] else s.name,
            )
            for (root, s), n in zip(known, counts, strict=True)
            if n
        )
        return Plan(tuple(orders))

    def taught(self, counts: Mapping[str, int]) -> Forest:
        """The forest after ``counts`` examples per subskill went into training."""
        return self._each({n: {"taught": count} for n, count in counts.items()})

    def answered(self, answers: Mapping[str, Sequence[Prediction]]) -> Forest:
        """The forest after the student answered examples made for subskills; nan is left out."""
        scores = {
            name: Score.of(p.score for p in predictions) for name, predictions in answers.items()
        }
        return self._each(
            {n: {"answered": s.n, "right": s.n * s.mean} for n, s in scores.items() if s.n}
        )

    def remembering(self, experiences: Sequence[Experience]) -> Forest:
        """The forest with a longer history."""
        return replace(self, history=self.history.longer(experiences))

    def limited(self, total: float) -> Forest:
        """Allocations scaled down in proportion so that they sum to at most ``total``."""
        asked = [s.allocation for s in self]
        if sum(asked) <= total:
            return self
        amounts = iter(scale_down(asked, total).tolist())
        return self._with(
            {
                root: tuple(replace(s, allocation=next(amounts)) for s in tree)
                for root, tree in self.trees.items()
            }
        )

    def grown(self, root: str, subskills: Sequence[Subskill]) -> Forest:
        """The forest with more subskills in one tree."""
        return self._with({root: (*self.trees[root], *subskills)})

    def allocated(self, root: str, allocation: Mapping[str, float]) -> Forest:
        """The forest in which one tree has this allocation; unnamed subskills get nothing."""
        tree = (replace(s, allocation=allocation.get(s.name, 0)) for s in self.trees[root])
        return self._with({root: tuple(tree)})

    def _with(self, trees: Mapping[str, tuple[Subskill, ...]]) -> Forest:
        return replace(self, trees={**self.trees, **trees})

    def _each(self, more: Mapping[str, Mapping[str, float]]) -> Forest:
        """Subskills by name with numbers added to their fields."""

        def add(subskill: Subskill) -> Subskill:
            fields = more.get(subskill.name, {})
            return replace(subskill, **{f: getattr(subskill, f) + n for f, n in fields.items()})

        return self._with({root: tuple(map(add, tree)) for root, tree in self.trees.items()})
