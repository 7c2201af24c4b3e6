"""``least-perplexing``: chooses among versions of an exercise by the student's perplexity."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from teachgym.gate.filters.filter import Asking, Memory
from teachgym.gate.filters.loss import mean_losses
from teachgym.protocols import Probes
from teachgym.settings import checked
from teachgym.types import Data, Example


@checked
@dataclass(frozen=True, slots=True)
class LeastPerplexing(Asking):
    """Keeps of each exercise the version after which the student finds the answer likeliest.

    The selective reflection of MolReFlect (arXiv 2411.14721): of a teacher's annotation of a
    molecule and its second thoughts, the one is kept that gives the student the lower perplexity
    on the right caption. Versions here are the examples of a batch that were made of the same
    seeds, have the same skill and the same target, and differ in their prompts, such as those of
    the engine ``rephrase``. Difference: a version is a whole question, where the paper has one
    question with two annotations. What was made of no seed stays. Of equals the first is kept.
    """

    keep: Literal["least", "most", "any"] = "least"
    """``most``: the version that perplexes most; ``any``: one by chance. Both to compare with."""

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Memory
    ) -> list[str | None]:
        """See ``Filter``."""
        losses = mean_losses(probes, data)
        lots = rng.random(len(data))
        worth = {"least": -losses, "most": losses, "any": lots}[self.keep]
        versions: dict[Hashable, list[int]] = defaultdict(list)
        for place, example in enumerate(data):
            versions[_origin(example) or place].append(place)
        faults: list[str | None] = [None] * len(data)
        for places in versions.values():
            best = max(places, key=lambda place: worth[place])
            for place in places:
                if place != best:
                    found, kept = (math.exp(losses[each]) for each in (place, best))
                    faults[place] = f"perplexity {found:.3g}; another version has {kept:.3g}"
        return faults


def _origin(example: Example) -> Hashable:
    """The common mark of versions of an exercise; None if nothing is known of its seeds."""
    seeds = example.provenance.seeds if example.provenance else ()
    return (seeds, example.skill, example.target) if seeds else None
