"""The skill forest: which subskills of each root are known, and what each is taught.

``Skill.parent`` links form the task's own forest; ``Forest`` is the teacher's growing view of
it, as in the Skill-Tree environment of DataEnvGym (arXiv 2410.06215, section 2.3 and B.4).
Everything is immutable: a move returns a new forest. Unlike there, an allocation is set, not
changed by a signed difference, so it can never become negative; a step's allocation and the
total taught are separate numbers; and subskill names are unique.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from teachgym.errors import ConfigError, UnknownSkillError, unknown
from teachgym.types import Exploit, Explore, Order, Plan


@dataclass(frozen=True, slots=True)
class Subskill:
    """A discovered subskill."""

    name: str
    allocation: int = 0
    """Examples it gets in each step, >= 0, until a move changes that."""
    taught: int = 0
    """Training examples it has had so far."""


@dataclass(frozen=True, slots=True)
class Forest:
    """The known subskills of every root."""

    trees: Mapping[str, tuple[Subskill, ...]]
    """Root name to its subskills in order of discovery."""
    max_subskills: int
    """The most subskills a root can have, >= 1."""

    @classmethod
    def bare(cls, roots: Sequence[str], max_subskills: int) -> Forest:
        """A forest in which nothing has been discovered."""
        if max_subskills < 1:
            raise ConfigError(f"max_subskills is {max_subskills}; it must be 1 or more")
        return cls(dict.fromkeys(roots, ()), max_subskills)

    def known(self, root: str) -> tuple[str, ...]:
        """Names of the discovered subskills of a root."""
        if root not in self.trees:
            raise UnknownSkillError(unknown("root skill", root, self.trees))
        return tuple(s.name for s in self.trees[root])

    def plan(self) -> Plan:
        """One order per subskill with a positive allocation."""
        subskills = (s for tree in self.trees.values() for s in tree)
        return Plan(tuple(Order(s.name, s.allocation) for s in subskills if s.allocation))

    def taught(self, counts: Mapping[str, int]) -> Forest:
        """The forest after ``counts`` examples per subskill went into training."""
        trees = {
            root: tuple(replace(s, taught=s.taught + counts.get(s.name, 0)) for s in tree)
            for root, tree in self.trees.items()
        }
        return replace(self, trees=trees)

    def limited(self, total: int) -> Forest:
        """Allocations scaled down in proportion so that they sum to at most ``total``."""
        asked = sum(s.allocation for tree in self.trees.values() for s in tree)
        if asked <= total:
            return self
        trees = {
            root: tuple(replace(s, allocation=s.allocation * total // asked) for s in tree)
            for root, tree in self.trees.items()
        }
        return replace(self, trees=trees)


class Proposer(Protocol):
    """Finds new subskills of a root."""

    def propose(
        self, root: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """At most ``count`` names that are not in ``known``; fewer when there are no more."""


@dataclass(frozen=True)
class TaskProposer:
    """Proposes the task's own leaves of a root in random order: discovery without an LLM."""

    leaves: Mapping[str, tuple[str, ...]]
    """Root to the leaves that can be discovered, as ``types.leaves_by_root`` gives them."""

    def propose(
        self, root: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw without replacement from the leaves not yet known."""
        unknown_leaves = [leaf for leaf in self.leaves[root] if leaf not in known]
        chosen = rng.permutation(len(unknown_leaves))[:count]
        return tuple(unknown_leaves[i] for i in chosen)


def explore(forest: Forest, move: Explore, proposer: Proposer, rng: np.random.Generator) -> Forest:
    """Add up to ``move.subskills`` new subskills; the known ones keep their allocation.

    Names the proposer repeats or that any root already has are dropped: they are unique.
    """
    known = forest.known(move.skill)
    room = min(move.subskills, forest.max_subskills - len(known))
    if room <= 0:
        return forest
    taken = {s.name for tree in forest.trees.values() for s in tree}
    proposed = dict.fromkeys(proposer.propose(move.skill, known, room, rng))
    fresh = [Subskill(name, move.examples) for name in proposed if name not in taken][:room]
    return replace(forest, trees={**forest.trees, move.skill: (*forest.trees[move.skill], *fresh)})


def exploit(forest: Forest, move: Exploit) -> Forest:
    """Set the allocations of known subskills; those not named get nothing.

    Raises:
        UnknownSkillError: for a subskill that has not been discovered.
        ConfigError: for a negative allocation.
    """
    known = forest.known(move.skill)
    for name, count in move.allocation.items():
        if name not in known:
            raise UnknownSkillError(unknown(f"subskill of {move.skill}", name, known))
        if count < 0:
            raise ConfigError(f"allocation of {name} is {count}; it must be 0 or more")
    tree = tuple(
        replace(s, allocation=move.allocation.get(s.name, 0)) for s in forest.trees[move.skill]
    )
    return replace(forest, trees={**forest.trees, move.skill: tree})
