"""The moves of a Skill-Tree teacher: explore for new subskills, exploit the known ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from teachgym.errors import ConfigError, UnknownSkillError, unknown
from teachgym.forest.forest import Forest, Subskill
from teachgym.shown import in_short
from teachgym.types import Exploit, Explore, Move
from teachgym.wellformed import fault_of_move


class Proposer(Protocol):
    """Finds new subskills of a skill."""

    def propose(
        self, skill: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """At most ``count`` names that are not in ``known``; fewer when there are no more.

        ``skill`` is a root or a known subskill; ``known`` are all subskills of the forest.
        """


@dataclass(frozen=True)
class TaskProposer:
    """Proposes the task's own leaves of a root in random order: discovery without an LLM."""

    leaves: Mapping[str, tuple[str, ...]]
    """Root to the leaves that can be discovered, as ``types.leaves_by_root`` gives them."""

    __repr__ = in_short

    def propose(
        self, skill: str, known: Sequence[str], count: int, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw without replacement from the leaves not yet known; a leaf has none under it."""
        unknown_leaves = [leaf for leaf in self.leaves.get(skill, ()) if leaf not in known]
        chosen = rng.permutation(len(unknown_leaves))[:count]
        return tuple(unknown_leaves[i] for i in chosen)


def fault_of(forest: Forest, move: object) -> str | None:
    """The reason why ``move`` cannot be made on this forest; None = it can."""
    if (fault := fault_of_move(move)) is not None:
        return fault
    if isinstance(move, Explore):
        known = move.skill in forest.names
        return None if known else unknown("skill of the forest", move.skill, forest.names)
    made: Any = move
    if made.skill not in forest.trees:
        return unknown("root skill", made.skill, forest.trees)
    subskills = forest.known(made.skill)
    wrong = next((name for name in made.allocation if name not in subskills), None)
    return None if wrong is None else unknown(f"subskill of {made.skill}", wrong, subskills)


def make(forest: Forest, move: Move, proposer: Proposer, rng: np.random.Generator) -> Forest:
    """The forest after one move."""
    if isinstance(move, Explore):
        return explore(forest, move, proposer, rng)
    return exploit(forest, move)


def explore(forest: Forest, move: Explore, proposer: Proposer, rng: np.random.Generator) -> Forest:
    """Add up to ``move.subskills`` new subskills; the known ones keep their allocation.

    Names the proposer repeats or that the forest already has are dropped: they are unique.

    Raises:
        UnknownSkillError: for a skill that is neither a root nor a known subskill.
        ConfigError: for a negative number of examples.
    """
    if move.examples < 0:
        raise ConfigError(f"examples of {move.skill} is {move.examples}; it must be 0 or more")
    root = forest.root_of(move.skill)
    room = min(move.subskills, forest.max_subskills - len(forest.known(root)))
    if room <= 0:
        return forest
    known = tuple(s.name for s in forest)
    proposed = dict.fromkeys(proposer.propose(move.skill, known, room, rng))
    # A root that has no leaves in the task is its own; no other root can be a subskill.
    taken = {*known, *forest.trees} - ({root} - {*known})
    parent = "" if move.skill == root else move.skill
    fresh = [Subskill(name, move.examples, parent=parent) for name in proposed if name not in taken]
    return forest.grown(root, fresh[:room])


def exploit(forest: Forest, move: Exploit) -> Forest:
    """Set the allocations of a root's known subskills; those not named get nothing.

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
    return forest.allocated(move.skill, move.allocation)


def describe(move: Move) -> str:
    """A move in words.

    Example:
        >>> describe(Explore("algebra", 2, 10))
        'explored algebra, for 2 new subskills with 10 examples each'
    """
    if isinstance(move, Explore):
        wanted = f"{move.subskills} new subskills with {move.examples:g} examples each"
        return f"explored {move.skill}, for {wanted}"
    amounts = ", ".join(f"{name}: {count:g}" for name, count in move.allocation.items())
    return f"exploited, with {amounts}"
