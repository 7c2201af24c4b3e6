"""The skill tree in words: moves for each skill in, the forest and the report out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym

from teachgym.engines.orders import leaves_under
from teachgym.envs.admission import items_of, sift
from teachgym.envs.base import base_of
from teachgym.envs.wrappers.orders import teach
from teachgym.forest import Experience, Forest, Proposer, TreeReport
from teachgym.forest.moves import fault_of, make
from teachgym.forest.space import TreeReportSpace
from teachgym.protocols import DataEngine
from teachgym.snapshot import Snapshot
from teachgym.spaces import MovesSpace
from teachgym.types import (
    Example,
    Move,
    Prediction,
    Report,
    Score,
    Verdict,
    leaves_by_root,
)


class SkillTree(gym.Wrapper[Any, Any, Any, Any]):
    """A wrapper that takes moves and returns the forest with the report.

    The forest's allocations stand until a move changes them: after the moves of a step, every
    known subskill gets its allocation of new examples (DataEnvGym, arXiv 2410.06215, section
    2.3). ``info["moves"]`` and ``info["forest"]`` are what was done and what became of it.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        engine: DataEngine,
        proposer: Proposer,
        *,
        max_subskills: int,
    ) -> None:
        super().__init__(env)
        base = base_of(env)
        self._base = base
        self.engine, self.proposer = engine, proposer
        self.leaves = leaves_by_root(base.task.skills)
        self.roots = tuple(self.leaves)
        self.max_subskills = max_subskills
        self._under = leaves_under(base.task.skills)
        self._bare = Forest.bare(self.roots, max_subskills)
        self.forest = self._bare
        self.action_space = MovesSpace(self.roots, base.examples_per_step)
        self.observation_space = TreeReportSpace(base.skills, self.roots, max_subskills)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[TreeReport, dict[str, Any]]:
        """Start with a forest of bare roots."""
        report, info = self.env.reset(seed=seed, options=options)
        self.forest = self._bare
        return TreeReport(report, self.forest), info

    def step(
        self, action: tuple[Move, ...]
    ) -> tuple[TreeReport, float, bool, bool, dict[str, Any]]:
        """Make the moves, let the engine fill the allocations, step.

        Moves that cannot be made are left out, each with the reason ``move`` in
        ``info["rejected"]``; what is no tuple of moves is there as one, with the reason
        ``action``.
        """
        self._base.require_running()
        with self._base.ledger.undone_on_error():
            return self._step(action)

    def _step(
        self, action: tuple[Move, ...]
    ) -> tuple[TreeReport, float, bool, bool, dict[str, Any]]:
        before = self._base.state.report
        with self._base.ledger.timed():
            forest, moves, rejected = self._move(() if self._base.ending else action)
        forest = forest.limited(self._base.examples_available)
        plan = forest.plan(self._under, self._base.rng("orders"))
        report, reward, terminated, truncated, info = teach(self.env, self.engine, plan, rejected)
        forest = forest.taught(Counter(subskill_of(e) for e in info["data"]))
        forest = forest.answered(_by_subskill(info["pretest"]))
        experiences = [self._experience(forest, move, before, report) for move in moves]
        self.forest = forest.remembering(experiences)
        info = {**info, "moves": moves, "forest": self.forest}
        return TreeReport(report, self.forest), reward, terminated, truncated, info

    def _move(self, action: Any) -> tuple[Forest, tuple[Move, ...], tuple[Verdict, ...]]:
        """The forest after the moves that can be made, in order; those, and verdicts on others."""
        items, rejected = items_of(action)
        rng, forest, moves = self._base.rng("skills"), self.forest, list[Move]()
        for item in items:
            made, verdicts = sift([item], "move", partial(fault_of, forest))
            rejected += verdicts
            for move in made:
                forest = make(forest, move, self.proposer, rng)
                moves.append(move)
        return forest, tuple(moves), rejected

    def render(self) -> Any:
        """Render the base environment with the forest."""
        return self._base.render(self.forest)

    def snapshot(self) -> Snapshot:
        """The whole environment, forest included."""
        return replace(self._base.snapshot(), forest=self.forest)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment."""
        self._base.restore(snapshot)
        self.forest = snapshot.forest or self._bare

    def _experience(self, forest: Forest, move: Move, before: Report, after: Report) -> Experience:
        """The outcome of a move for its root, in the forest after all moves of the step."""
        root = forest.root_of(move.skill)
        scores = (_score(report, self.leaves[root]) for report in (before, after))
        return Experience(root, self._base.state.step, move, *scores)


def subskill_of(example: Example) -> str:
    """The subskill that an example was made for, or else the task's own skill."""
    made = example.provenance
    return made.subskill if made and made.subskill else example.skill


def _by_subskill(predictions: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(subskill_of(prediction.example), []).append(prediction)
    return groups


def _score(report: Report, skills: Collection[str]) -> Score:
    return Score.of(p.score for p in report.predictions if p.example.skill in skills)
