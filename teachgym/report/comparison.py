"""Finished runs beside each other: settings that differ, outcomes, and paired items of test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

from teachgym.errors import ConfigError
from teachgym.metrics import paired_gain
from teachgym.records import Record, dotted
from teachgym.registry import label
from teachgym.report.captions import short_commit
from teachgym.report.tables import Rows, show_interval, tabulate
from teachgym.runs.checkpoints import read_report
from teachgym.runs.folder import RunFolder
from teachgym.runs.provenance import read_record
from teachgym.runs.result import RunResult, read_result
from teachgym.shown import in_short
from teachgym.types import Report

_LABELS = ("name", "trackers")
"""Settings that decide nothing about a run."""


@dataclass(frozen=True)
class Compared:
    """A finished run in a comparison."""

    name: str
    """Its folder, without the part with which the folders of all runs begin."""
    result: RunResult
    settings: Record
    """The given settings by dotted name, with the versions and the commit."""
    exam: Report
    """The best student's answers to the items of ``test``."""

    __repr__ = in_short


def read_compared(paths: Sequence[Path]) -> list[Compared]:
    """Read finished runs, in the order in which they are given.

    Raises:
        ConfigError: for fewer than two, or the same one twice.
        RunError: if one is not finished, or damaged.
    """
    folders = [RunFolder.open(path) for path in paths]
    settled = [folder.path for folder in folders]
    if len(folders) < 2 or len(set(settled)) < len(settled):
        raise ConfigError("a comparison needs two runs or more, each once; give their folders")
    return [
        Compared(name, read_result(run, whole=True), _settings(run), read_report(best, "test"))
        for name, run in zip(_names(settled), folders, strict=True)
        for best in (run.test_predictions("best"),)
    ]


def outcome_rows(runs: Sequence[Compared]) -> Rows:
    """Header and a row per run: accuracy on test before and after, best step, examples."""
    return tabulate(
        {
            "run": run.name,
            "test, untrained": str(run.result.test.before),
            "test, best on val": str(run.result.test.after),
            "gain on test": run.result.test.gain.show("+.3f"),
            "best step": f"{run.result.best_step} of {run.result.steps}",
            "examples": f"{run.result.spent.examples:,.10g}",
        }
        for run in runs
    )


def difference_rows(runs: Sequence[Compared]) -> Rows:
    """Header and a row for each setting in which the runs differ."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    rows = (
        (name, *_brief(values))
        for name in names
        if len(set(values := [str(run.settings.get(name, "default")) for run in runs])) > 1
    )
    return (("setting", *(run.name for run in runs)), *rows)


def item_rows(runs: Sequence[Compared]) -> Rows:
    """Header and a row for each run after the first: its answers to ``test`` against the first's.

    An item is gained where its score is higher. The interval is that of the mean difference over
    items measured both times, whose number is the last cell. So it is about these two students, and
    not about the luck of training others like them. Where all items changed alike, or none did, it
    is unknown how much they vary, and there is none.
    Runs with other items of ``test``, such as those of another seed of the task, cannot be paired.
    """
    first, *others = runs
    header = ("run", "minus", "gained", "lost", "same", "mean difference [95 %]", "items")
    return (header, *((run.name, first.name, *_paired(first.exam, run.exam)) for run in others))


def _paired(first: Report, second: Report) -> tuple[str, ...]:
    if not _same_items(first, second):
        return ("other items",) + ("",) * 4
    changes, gain = second.scores - first.scores, paired_gain(first, second)
    counts = ((changes > 0).sum(), (changes < 0).sum(), (changes == 0).sum())
    items = f"{gain.n:,}" + f" of {len(changes):,}" * (gain.n < len(changes))
    alike = gain.n > 1 and not gain.stderr
    shown = f"{gain.mean:+z.4f}, equal in {items} items" if alike else show_interval(gain, "+.4f")
    return (*(f"{n:,}" for n in counts), shown, items)


def _same_items(first: Report, second: Report) -> bool:
    items = ([p.example.identity for p in report.predictions] for report in (first, second))
    return next(items) == next(items)


def _settings(run: RunFolder) -> Record:
    record = read_record(run)
    given = {name: value for name, value in record["config"].items() if name not in _LABELS}
    commit = short_commit(record["commit"])
    return dotted({**given, "versions": record["versions"], "commit": commit})


def _brief(values: Sequence[str]) -> Sequence[str]:
    """Parts without the files and modules that they come from, if that tells them apart too."""
    labels = [label(value) for value in values]
    return labels if len(set(labels)) == len(set(values)) else values


def _names(paths: Sequence[Path]) -> list[str]:
    """Paths without the part with which all of them begin.

    Example:
        >>> _names([Path("/runs/alp/seed_0"), Path("/runs/weakest/seed_0")])
        ['alp/seed_0', 'weakest/seed_0']
    """
    above = commonpath([path.parent for path in paths])
    return [path.relative_to(above).as_posix() for path in paths]
