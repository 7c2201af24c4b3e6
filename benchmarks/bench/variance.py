"""The sources of differences between runs: training luck, items, base, skills.

    teachgym bench variance
    python -m teachgym.benchmarks.bench.variance bench/variance

The suite ``variance`` crosses bases, draws of items and seeds, so that each source of chance can be
told from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from teachgym.benchmarks.bench.runner import Results, print_asked
from teachgym.benchmarks.bench.suites import Suite
from teachgym.benchmarks.bench.suites.variance import ITEMS, TEACHERS, arm_name
from teachgym.errors import ConfigError
from teachgym.students.bases import COMPARED, TINY
from teachgym.types import FloatArray

SOURCES = ("base", "items", "seed", "skill")
REST = "rest"


@dataclass(frozen=True, slots=True)
class Component:
    """The contribution of a source of chance to the variance of one value."""

    variance: float
    """The estimate by moments, which may be below 0 where there is next to none."""
    stderr: float
    n: int
    """Draws of the source that were seen."""


def components(values: FloatArray, sources: Sequence[str]) -> dict[str, Component]:
    """The variance that each crossed source adds, and the rest; one axis of ``values`` a source.

    All sources are random, each acts on its own and ``rest`` is what they do together, luck that
    no source accounts for included. By moments (Searle, Casella and McCulloch 1992, *Variance
    Components*, chapter 4): with M the mean square of a source with n draws and E that of the
    rest, (M - E) / (number of values / n), whose standard error follows from
    var(M) = 2 M^2 / (degrees of freedom), for normal effects.

    Raises:
        ConfigError: if a source has fewer than two draws, or nothing is left for the rest.
    """
    free = {name: n - 1 for name, n in zip(sources, values.shape, strict=True)}
    free_rest = values.size - 1 - sum(free.values())
    if min(free.values()) < 1 or free_rest < 1:
        raise ConfigError(
            f"values of the shape {values.shape} give no variances; draw every source of "
            f"{', '.join(sources)} at least twice"
        )
    mean, axes = values.mean(), range(values.ndim)
    means = [values.mean(axis=tuple(a for a in axes if a != axis)) for axis in axes]
    squares = [float(((m - mean) ** 2).sum()) * values.size / len(m) for m in means]
    rest = (float(((values - mean) ** 2).sum()) - sum(squares)) / free_rest
    found = {}
    for name, square, own in zip(sources, squares, means, strict=True):
        of_source, replicates = square / free[name], values.size / len(own)
        error = (2 * of_source**2 / free[name] + 2 * rest**2 / free_rest) ** 0.5
        found[name] = Component((of_source - rest) / replicates, error / replicates, len(own))
    found[REST] = Component(rest, rest * (2 / free_rest) ** 0.5, values.size)
    return found


def gains(results: Results, teacher: str, seeds: Sequence[int]) -> FloatArray:
    """Accuracy on test minus that of the first teacher, (bases, items, seeds, skills)."""

    def accuracies(name: str) -> FloatArray:
        runs = [
            results[arm_name(name, base, items), seed].test.skills_after.values()
            for base, items, seed in product(range(COMPARED[TINY]), range(ITEMS), seeds)
        ]
        flat = np.array([[score.mean for score in own] for own in runs])
        return flat.reshape(COMPARED[TINY], ITEMS, len(seeds), -1)

    return accuracies(teacher) - accuracies(TEACHERS[0])


def table(found: Mapping[str, Component]) -> str:
    """A table in Markdown; standard deviations in percentage points."""
    rows = [
        f"| {name} | {c.n} | {100 * max(c.variance, 0) ** 0.5:.2f} | "
        f"{1e4 * c.variance:.2f} ± {1e4 * c.stderr:.2f} |"
        for name, c in found.items()
    ]
    head = "| source | draws | sd, points | variance, points squared |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def tell(suite: Suite, results: Results, _: Path) -> Iterator[str]:
    """The gain of each teacher above the first one, and where its differences come from."""
    for teacher in TEACHERS[1:]:
        values = gains(results, teacher, suite.all_seeds)
        yield f"{teacher} - {TEACHERS[0]}: {100 * values.mean():+z.2f} points"
        yield table(components(values, SOURCES))


if __name__ == "__main__":
    print_asked(__doc__.partition("\n")[0], tell)
