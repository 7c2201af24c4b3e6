"""The mixtures of skills that the bases of embedded students are pretrained on, by one rule.

Which skills a base knows, which it can learn in an episode and which are beyond it follow from
how often it has seen them, so each base sees them differently often. Nothing is chosen by hand:
the seed decides for all skills alike, whatever they are, and a mixture is used as it comes or, if
it makes a base of no use (``pretrain.fault``), not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from teachgym.protocols import Task
from teachgym.streams import Streams
from teachgym.tasks import make_task
from teachgym.types import Data

OFTEN = 6.0
"""Weight of half of the skills."""
RARELY = (0.03, 1.0)
"""Weights of three skills in eight lie between these, evenly on a logarithmic scale."""
HARDLY = (0.003, 0.03)
"""Weights of one skill in eight, alike."""
RARE_SHARE, HARD_SHARE = 3 / 8, 1 / 8


def make_tasks(names: Sequence[str], val_per_cell: int) -> Task:
    """The task of that name; of several names, ``several`` of them, each under its own.

    Of test, which nothing is decided by, there is as little as there may be.
    """
    settings = {"val_per_cell": val_per_cell, "test_per_cell": 1}
    if len(names) == 1:
        return make_task(names[0], **settings)
    return make_task("several", tasks={n: {"task": n, "task_settings": settings} for n in names})


def draw_weights(skills: Sequence[str], seed: int) -> Mapping[str, float]:
    """Relative frequency of each of the skills in the mixture of that seed.

    The skills are shuffled; the first are seen rarely, the next hardly, the others often. In
    60,000 examples of 32 skills that is 18 to 600 of a skill that is seen rarely, 2 to 18 of one
    that is hardly seen, and 3,600 of the others.
    """
    rng = Streams(np.random.default_rng(seed)).of("mixture")
    names = rng.permutation(list(skills)).tolist()
    weights = dict.fromkeys(names, OFTEN)
    n_rarely, n_hardly = (round(share * len(names)) for share in (RARE_SHARE, HARD_SHARE))
    bands = [RARELY] * n_rarely + [HARDLY] * n_hardly
    for name, band in zip(names, bands, strict=False):
        weights[name] = float(np.exp(rng.uniform(*np.log(band))).round(4))
    return {name: weights[name] for name in skills}


def draw_mixture(
    task: Task, weights: Mapping[str, float], level_weights: Sequence[float], count: int, seed: int
) -> Data:
    """``count`` training examples in the proportions of the weights of skills and of levels."""
    rng = Streams(np.random.default_rng(seed)).of("examples")
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    skills = rng.choice(len(names), size=count, p=shares / shares.sum())
    levels = rng.choice(len(task.levels), size=count, p=level_weights)
    return tuple(
        task.make(names[skill], task.levels[level], rng)
        for skill, level in zip(skills, levels, strict=True)
    )
