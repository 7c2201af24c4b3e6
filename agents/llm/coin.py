"""Moves by a coin toss: the "No State" policy of Skill-Tree environments."""

from __future__ import annotations

import numpy as np

from teachgym.forest.forest import Forest
from teachgym.types import Exploit, Explore, Move

REASON = "a coin"


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
