"""The mixtures of skills that the bases of ``tiny`` are pretrained on, drawn by one rule.

Which skills a base knows, which it can learn in an episode and which are beyond it follow from
how often it has seen them, so each base sees them differently often. Nothing is chosen by hand:
the seed decides for all skills alike, whatever they are, and a mixture is used as it comes or, if
it makes a base of no use (``pretrain_tiny.fault``), not at all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from teachgym.streams import Streams
from teachgym.tasks.arithmetic_and_strings import ArithmeticAndStrings
from teachgym.tasks.primitives import PRIMITIVES
from teachgym.types import Data

OFTEN = 6.0
"""Weight of half of the skills."""
RARELY = (0.03, 1.0)
"""Weights of ``N_RARELY`` skills lie between these, evenly on a logarithmic scale."""
HARDLY = (0.003, 0.03)
"""Weights of ``N_HARDLY`` skills, alike."""
N_RARELY, N_HARDLY = 12, 4

LEVEL_WEIGHTS = (0.3, 0.35, 0.35)
"""Relative frequency of each level, easiest first."""


def draw_weights(seed: int) -> Mapping[str, float]:
    """Relative frequency of each skill in the mixture of that seed.

    The skills are shuffled; the first are seen rarely, the next hardly, the others often. In
    60,000 examples that is 18 to 600 of a skill that is seen rarely, 2 to 18 of one that is hardly
    seen, and 3,600 of the others.
    """
    rng = Streams(np.random.default_rng(seed)).of("mixture")
    names = rng.permutation([p.name for p in PRIMITIVES]).tolist()
    weights = dict.fromkeys(names, OFTEN)
    bands = [RARELY] * N_RARELY + [HARDLY] * N_HARDLY
    for name, band in zip(names, bands, strict=False):
        weights[name] = float(np.exp(rng.uniform(*np.log(band))).round(4))
    return {p.name: weights[p.name] for p in PRIMITIVES}


def draw_mixture(weights: Mapping[str, float], count: int, seed: int) -> Data:
    """``count`` training examples in the proportions of ``weights`` and ``LEVEL_WEIGHTS``."""
    task, rng = ArithmeticAndStrings(), Streams(np.random.default_rng(seed)).of("examples")
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    skills = rng.choice(len(names), size=count, p=shares / shares.sum())
    levels = rng.choice(len(task.levels), size=count, p=LEVEL_WEIGHTS)
    return tuple(
        task.make(names[skill], task.levels[level], rng)
        for skill, level in zip(skills, levels, strict=True)
    )
