"""Moves that fit into a step, and moves by a coin toss: the "No State" policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from teachgym.apportion import scale_down
from teachgym.forest.forest import Forest
from teachgym.types import Exploit, Explore, Move

REASON = "a coin"


def fit_moves(moves: Sequence[Move], limit: int, *, most: int | None = None) -> tuple[Move, ...]:
    """The moves with at most ``most`` examples for each subskill, then scaled down to a step.

    In all they ask for ``limit`` examples at most, for parts of one where that is the share: the
    environment rounds. Standing allocations of roots that do not
    exploit are not theirs to change: where those and the moves together are more than a step
    holds, the environment scales down all of it.
    """
    asked = [n if most is None else min(n, most) for move in moves for n in _asked(move)]
    counts = iter(scale_down(asked, limit).tolist())
    return tuple(_with(move, [next(counts) for _ in _asked(move)]) for move in moves)


def _asked(move: Move) -> list[float]:
    """Examples per subskill, new or known."""
    if isinstance(move, Explore):
        return [move.examples] * move.subskills
    return [*move.allocation.values()]


def _with(move: Move, counts: Sequence[float]) -> Move:
    if isinstance(move, Explore):
        return replace(move, examples=min(counts))
    return replace(move, allocation=dict(zip(move.allocation, counts, strict=True)))


def toss_moves(forest: Forest, share: int, rng: np.random.Generator) -> tuple[Move, ...]:
    """One move per root, by a fair coin each (DataEnvGym, arXiv 2410.06215, B.5 and code).

    Explore: 1 to 3 new subskills with 1 to 10 examples each. Exploit: ``share`` examples divided
    among the known subskills by a draw that is uniform over all divisions (there: random
    differences, which can make an allocation negative). A root without known subskills explores,
    one without room for more exploits.
    """
    return tuple(_toss(forest, root, share, rng) for root in forest.trees)


def _toss(forest: Forest, root: str, share: int, rng: np.random.Generator) -> Move:
    known = forest.known(root)
    heads = rng.random() < 0.5
    if not known or (heads and len(known) < forest.max_subskills):
        return Explore(root, int(rng.integers(1, 4)), int(rng.integers(1, 11)), REASON)
    counts = rng.multinomial(share, rng.dirichlet(np.ones(len(known))))
    return Exploit(root, dict(zip(known, counts.tolist(), strict=True)), REASON)
