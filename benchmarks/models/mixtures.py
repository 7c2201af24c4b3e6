"""Draw the mixtures of skills for pretraining the bases of embedded students, by one rule.

The frequency of a skill in pretraining decides whether a base knows it, can learn it in an episode,
or cannot learn it. So each base has other frequencies. Nothing is chosen by hand: the seed decides
for all skills alike. A mixture is used unchanged, or not at all if its base is of no use
(``pretrain.fault``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.protocols import Task
from teachgym.streams import Streams
from teachgym.tasks import make_task
from teachgym.types import Data, Example

OFTEN = 6.0
"""Weight of the skills that are seen often."""


@dataclass(frozen=True, slots=True)
class Rarity:
    """The numbers of skills of a mixture that are seen rarely and hardly, and their shares."""

    rare_share: float
    rarely: tuple[float, float]
    """Bounds of their weights, which are spread evenly on a logarithmic scale."""
    hard_share: float
    hardly: tuple[float, float]
    """Bounds of the weights of the skills that are hardly seen, spread in the same way."""


HALF = Rarity(3 / 8, (0.03, 1.0), 1 / 8, (0.003, 0.03))
"""Half of the skills are seen often. In 60,000 examples of 32 skills that is 18 to 600 of a skill
that is seen rarely, 2 to 18 of one that is hardly seen, and 3,600 of the others."""
MOST = Rarity(1 / 3, (0.01, 0.1), 1 / 12, (0.001, 0.01))
"""Seven skills in twelve are seen often, the others so seldom that they are still to be learned,
for a student that learns a sentence from a hundred examples. In 100,000 examples of 24 skills
that is 12 to 120, 1 to 12 and 7,100."""

FEW = Rarity(1 / 4, (0.001, 0.01), 1 / 24, (0.0001, 0.001))
"""Seventeen skills in 24 are seen often, the others next to never, so that a teacher who knows
which these are can give each three times its even share. In 30,000 examples of 24 skills that is
none to three of a skill that is not seen often, and 1,700 of the others."""


def make_tasks(names: Sequence[str], val_per_cell: int) -> Task:
    """Make the task of a name; for several names, the task ``several`` with each under its name.

    The test split, on which nothing here depends, is as small as allowed.
    """
    settings = {"val_per_cell": val_per_cell, "test_per_cell": 1}
    if len(names) == 1:
        return make_task(names[0], **settings)
    return make_task("several", tasks={n: {"task": n, "task_settings": settings} for n in names})


def draw_weights(skills: Sequence[str], seed: int, rarity: Rarity) -> Mapping[str, float]:
    """Draw the relative frequency of each skill in the mixture of a seed.

    The skills are shuffled: the first ones are seen rarely, the next hardly, the others often.
    """
    rng = Streams(np.random.default_rng(seed)).of("mixture")
    names = rng.permutation(list(skills)).tolist()
    weights = dict.fromkeys(names, OFTEN)
    for name, band in zip(names, bands(len(names), rarity), strict=False):
        weights[name] = float(np.exp(rng.uniform(*np.log(band))).round(4))
    return {name: weights[name] for name in skills}


def bands(count: int, rarity: Rarity) -> list[tuple[float, float]]:
    """Return the bounds of the weights of all skills that are not seen often."""
    n_rarely, n_hardly = (round(share * count) for share in (rarity.rare_share, rarity.hard_share))
    return [rarity.rarely] * n_rarely + [rarity.hardly] * n_hardly


def own_skill(example: Example) -> Collection[str]:
    """The skill of the example alone."""
    return (example.skill,)


def draw_mixture(
    task: Task,
    weights: Mapping[str, float],
    level_weights: Sequence[float],
    count: int,
    seed: int,
    exercised: Callable[[Example], Collection[str]] = own_skill,
) -> Data:
    """Draw ``count`` training examples in proportion to the weights of skills and levels.

    What an example exercises beside its own skill is as rare as in the examples of that other
    skill: such an example is kept with the probability of the other's weight over ``OFTEN``, and
    else another is made in its place. So a skill that is seldom seen is not learned as a step of
    another.
    """
    rng = Streams(np.random.default_rng(seed)).of("examples")
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    skills = rng.choice(len(names), size=count, p=shares / shares.sum())
    levels = rng.choice(len(task.levels), size=count, p=level_weights)

    def make(skill: str, level: float) -> Example:
        while True:
            example = task.make(skill, level, rng)
            others = sorted({*exercised(example)} - {skill})
            if all(rng.random() < weights[other] / OFTEN for other in others):
                return example

    return tuple(
        make(names[skill], task.levels[level]) for skill, level in zip(skills, levels, strict=True)
    )
