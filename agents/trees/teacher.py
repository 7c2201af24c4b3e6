"""Explore/exploit rules as teachers of a Skill-Tree environment.

DataEnvGym (arXiv 2410.06215, section 2.3 and appendix B.5) asks a policy for one move per root
skill. A rule says the same here, in two answers: how many new subskills to look for (0 =
exploit), and how to divide a root's examples among its known subskills. What every rule needs is
done once, in ``TreeTeacher``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Branches
from teachgym.types import Obs, Transition


@dataclass(frozen=True, slots=True)
class Moment:
    """The data that a rule decides on."""

    observation: Obs
    last: Transition | None
    """The step before; None at the start of an episode."""
    step: int
    """Steps made so far."""
    examples: float
    """Examples for each root in this step."""
    rng: np.random.Generator
    """The only source of randomness."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """A mask of the known subskills, (n_roots, max_subskills)."""
        return np.asarray(self.observation["known"]) > 0


class TreeRule(Protocol):
    """A rule that decides one move per root."""

    def explore(self, now: Moment) -> NDArray[np.int64]:
        """New subskills to look for, (n_roots,); 0 = exploit."""

    def allocate(self, now: Moment) -> NDArray[np.float64]:
        """Examples per known subskill of roots that exploit, (n_roots, max_subskills), >= 0.

        By default, each root's examples are divided equally.
        """
        n_known = now.known.sum(axis=1, keepdims=True)
        equal: NDArray[np.float64] = now.known / np.maximum(n_known, 1)
        return now.examples * equal


class TreeTeacher:
    """Turns the decisions of a rule into valid actions.

    * A root of which nothing is known explores: there is nothing to exploit.
    * A root with as many subskills as it can have, or whose last exploration found fewer than it
      asked for, exploits from then on: there are no more.
    * A new subskill gets what an equal division of the root's share among the known and the new
      ones would give it, and at least what the standing allocation of the known ones leaves of
      the share, so that the step is full however few are found. The known ones keep that
      allocation, as in DataEnvGym, so an exploring root may ask for more than its share; the
      environment scales the total down.

    Unlike DataEnvGym's hand-written policies, no step is spent on setting allocations to zero
    (there: every second one, which retrains on unchanged data), amounts are shares of the step
    instead of fixed numbers, and allocations are set, not changed by signed differences, so they
    are never negative.

    Args:
        branches: sizes of the environment.
        rule: builds the rule at every reset.
        name: what the teacher is called in tables.
    """

    def __init__(
        self, branches: Branches, rule: Callable[[], TreeRule], name: str = "tree"
    ) -> None:
        self.branches = branches
        self.name = name
        self._make = rule
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Return to the start of an episode."""
        self.rule = self._make()
        self._rng = np.random.default_rng(seed)
        self._step = 0
        self._last: Transition | None = None
        self._exhausted = np.zeros(len(self.branches.roots), dtype=bool)

    def act(self, observation: Obs) -> dict[str, NDArray[Any]]:
        """One move per root as the environment's dictionary of arrays."""
        now = Moment(observation, self._last, self._step, self.branches.per_root, self._rng)
        n_known = now.known.sum(axis=1)
        wanted = np.maximum(self.rule.explore(now), n_known == 0)
        new = np.where(
            self._exhausted, 0, np.minimum(wanted, self.branches.max_subskills - n_known)
        )
        explores = new > 0
        allocation = np.where(explores[:, np.newaxis], 0, self.rule.allocate(now)) * now.known
        standing = (np.asarray(observation["allocation"]) * now.known).sum(axis=1)
        equal = self.branches.per_root / np.maximum(n_known + new, 1)
        examples = explores * np.maximum(equal, self.branches.per_root - standing)
        self._step += 1
        return {
            "explore": explores.astype(np.int8),
            "subskills": new.astype(np.int64),
            "examples": self._as_shares(examples),
            "allocation": self._as_shares(allocation),
        }

    def _as_shares(self, examples: NDArray[np.float64]) -> NDArray[np.float32]:
        return (examples / self.branches.per_step).astype(np.float32)

    def observe(self, transition: Transition) -> None:
        """Remember the step, and the roots without further subskills to find."""
        before, after = (
            np.asarray(o["known"]).sum(axis=1)
            for o in (transition.observation, transition.next_observation)
        )
        explored, asked = transition.action["explore"] > 0, transition.action["subskills"]
        self._exhausted |= explored & (after - before < asked)
        self._last = transition
