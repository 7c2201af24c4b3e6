"""Several benches read as one: which arms they share, and p-values over all that was compared.

Suites have arms in common, such as their controls. Runs of one configuration and one seed are the
same run wherever they are listed, so a comparison that several suites make is one comparison, and
correcting it in each suite by itself would count it as often as there are suites.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from teachgym.benchmarks.bench.leaderboard import show_p
from teachgym.benchmarks.bench.lines import read_run_lines, result_lines
from teachgym.benchmarks.bench.runner import read_results, read_suite
from teachgym.benchmarks.bench.statistics import PairedTest, compare_seeds, holm
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.report.tables import Rows, tabulate

Runs = tuple[str, int]
"""The identity of an arm under any name: its digest, and the number added to its seeds."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two arms that at least one suite compares."""

    arm: str
    reference: str
    """The names are those in the first suite that compares them."""
    suites: tuple[str, ...]
    """All that do."""
    test: PairedTest
    """On all seeds that both have in any suite."""
    p: float
    """Adjusted for all comparisons of all suites (``statistics.holm``)."""


def read_lines(path: Path) -> list[Record]:
    """The lines of a bench's folder, or of a file of them.

    Raises:
        RunError: for a folder without a bench, and a file that is damaged or not of runs.
    """
    if path.is_file():
        return list(read_run_lines(path))
    suite = read_suite(path)
    return result_lines(suite, path, read_results(suite, path))


def shared_arms(lines: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """The suites of every arm that several have, by its name in the first."""
    names: dict[Runs, dict[str, str]] = {}
    for line in lines:
        names.setdefault(_runs(line), {}).setdefault(line["suite"], line["arm"])
    return {
        next(iter(own.values())): tuple(f"{suite}/{arm}" for suite, arm in own.items())
        for own in names.values()
        if len(own) > 1
    }


def compare_union(lines: Sequence[Record]) -> list[Compared]:
    """Every comparison that any suite makes, each once, smallest p-value first.

    Comparisons of runs with the very same scores are one, so that p-values count it once.

    Raises:
        ConfigError: if one run has two outcomes.
    """
    scores = _scores(lines)
    made: dict[tuple[Runs, Runs], tuple[str, str, dict[str, None]]] = {}
    known = {(line["suite"], line["arm"]): _runs(line) for line in lines}
    for suite, arm, against in dict.fromkeys((x["suite"], x["arm"], x["against"]) for x in lines):
        reference = known.get((suite, against))
        if arm != against and reference is not None:
            pair = known[suite, arm], reference
            made.setdefault(pair, (arm, against, {}))[2][suite] = None
    compared = {pair: compare_seeds(*(scores[runs] for runs in pair)) for pair in made}
    tests = {pair: test for pair, test in compared.items() if test is not None}
    # Two settings may make one run under two digests, and two arms each be the other's reference.
    same = {pair: frozenset(tuple(sorted(scores[runs].items())) for runs in pair) for pair in tests}
    adjusted = holm({same[pair]: test.p for pair, test in tests.items()})
    found = [
        Compared(*made[pair][:2], tuple(made[pair][2]), test, adjusted[same[pair]])
        for pair, test in tests.items()
    ]
    return sorted(found, key=lambda each: (each.p != each.p, each.p, each.test.p))


def union_rows(found: Sequence[Compared]) -> Rows:
    """Header and a row for each comparison."""
    return tabulate(
        {
            "arm": each.arm,
            "compared with": each.reference,
            "in": ", ".join(each.suites),
            "seeds": str(each.test.difference.n),
            "difference [95 %]": each.test.show(),
            "p alone": show_p(each.test.p),
            "p (union)": show_p(each.p),
        }
        for each in found
    )


def _runs(line: Record) -> Runs:
    return line["digest"], line["drawn"] - line["seed"]


def _scores(lines: Iterable[Record]) -> dict[Runs, dict[int, float]]:
    """Test accuracy by seed of every arm."""
    scores: dict[Runs, dict[int, float]] = {}
    for line in lines:
        own = scores.setdefault(_runs(line), {})
        if own.setdefault(line["seed"], line["test_after"]) != line["test_after"]:
            raise ConfigError(
                f"arm {line['arm']!r} of {line['suite']} has another outcome for seed "
                f"{line['seed']} than the same run elsewhere ({line['test_after']:.4f}, "
                f"{own[line['seed']]:.4f}); give benches that one commit has made"
            )
    return scores
