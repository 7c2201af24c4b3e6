"""Tuning: every teacher's settings are searched alike, where no board looks.

A trial is an arm of a suite: its first has the defaults, the others have random settings (Bergstra
and Bengio 2012). All teachers have as many trials, with the same seeds, which no other suite may
use, and so with items and bases of ``tiny`` on which no board compares them. They are judged by
what their best students reach on ``val``; ``test`` decides nothing. Trials of a number are the same
whatever else is run, so more of them can be added later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.agents import TEACHERS, Kind, required_settings, teacher_entry
from teachgym.benchmarks.bench.runner import read_results
from teachgym.benchmarks.bench.search import draw_settings, search_space
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.benchmarks.bench.suites.shared import DRAWN, EMBEDDED
from teachgym.benchmarks.bench.suites.suite import TUNING_SEED
from teachgym.benchmarks.bench.suites.tuned import TUNED, read_tuned
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.registry import label, recorded
from teachgym.runs.files import check_writable, write_json, write_lines
from teachgym.types import Score

DEFAULTS = "trial-000"
"""The trial with the defaults of the teacher."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings of a teacher, and what came of them."""

    name: str
    settings: Mapping[str, Any]
    val: Score
    """Accuracy on val of the best students, mean over seeds."""

    def to_json(self) -> Record:
        """The trial as a JSON object."""
        error = self.val.stderr if self.val.n > 1 else None  # JSON has no nan.
        val = {"val": self.val.mean, "stderr": error, "seeds": self.val.n}
        record: Record = recorded({"trial": self.name, "settings": dict(self.settings), **val})
        return record


def tuning_suite(teacher: Any, *, trials: int, seeds: int, student: str) -> Suite:
    """The trials of a teacher as a suite, in the environment that it acts in, at a bench's budget.

    Raises:
        UnknownNameError: for what names no teacher.
        ConfigError: for a teacher without settings to search, or that needs more than settings.
    """
    space = search_space(teacher)
    if missing := required_settings(teacher) - {"learnable", "pool"}:
        raise ConfigError(
            f"teacher {label(teacher)!r} needs {', '.join(sorted(missing))}, "
            "which cannot be searched"
        )
    if not space:
        raise ConfigError(f"teacher {label(teacher)!r} has no settings to search")
    kinds = teacher_entry(teacher).kinds or (Kind("SkillList"),)
    rng = np.random.default_rng(TUNING_SEED)
    drawn = [{}, *(draw_settings(space, rng) for _ in range(trials - 1))]
    return Suite(
        f"tune-{label(teacher)}",
        1,
        f"{trials} trials of the settings of {label(teacher)}",
        tuple(
            Arm(f"trial-{number:03d}", teacher, settings, seed_offset=TUNING_SEED)
            for number, settings in enumerate(drawn)
        ),
        env=f"teachgym/{kinds[0].env}-v0",
        # Nobody looks at test, and to read it costs more than to teach.
        env_settings={**EMBEDDED, "student": student, "task_settings": {"test_per_cell": 1}},
        seeds=seeds,
        seeded=DRAWN,
        reference=DEFAULTS,
        tunes=True,
    )


def read_trials(suite: Suite, folder: Path) -> list[Trial]:
    """The trials with results, best first; of equals the one that was drawn first."""
    scores: dict[str, list[float]] = {}
    for (arm, _), run in read_results(suite, folder).items():
        scores.setdefault(arm, []).append(run.val.after.mean)
    found = [
        Trial(arm.name, arm.teacher_settings, Score.of_repetitions(scores[arm.name]))
        for arm in suite.arms
        if arm.name in scores
    ]
    return sorted(found, key=lambda trial: -trial.val.mean)


def write_trials(trials: Sequence[Trial], path: Path) -> None:
    """A JSON object a line, best first."""
    write_lines(path, (trial.to_json() for trial in trials))


def check_savable(teacher: Any, suite: Suite, path: Path = TUNED) -> None:
    """See that settings of a teacher may be put into a file, before they are searched for.

    Raises:
        ConfigError: for a teacher that has no name in tables, or a file whose other teachers had
            another number of trials or seeds, or another student.
        OSError: if the file cannot be written.
    """
    if label(teacher) not in TEACHERS:
        raise ConfigError(f"only settings of built-in teachers are saved, not of {label(teacher)}")
    protocol = _protocol(suite)
    for other, entry in read_tuned(path).items():
        theirs = {name: entry[name] for name in protocol}
        if other != label(teacher) and theirs != protocol:
            raise ConfigError(
                f"{path} has {other} tuned with {_shown(theirs)}, and this was {_shown(protocol)}; "
                "all teachers must be tuned alike: tune this one so, or save to a new file"
            )
    check_writable(path.parent)


def save_tuned(teacher: Any, suite: Suite, trials: Sequence[Trial], path: Path = TUNED) -> None:
    """Put the settings of the best trial into the file of tuned settings, for boards to use.

    Raises:
        ConfigError: as ``check_savable``, and for trials that are not all finished.
    """
    check_savable(teacher, suite, path)
    if len(trials) < len(suite.arms) or any(trial.val.n < len(suite.all_seeds) for trial in trials):
        raise ConfigError("some trials are not finished; the same command continues them")
    scores = {trial.name: trial.val.mean for trial in trials}
    found = {"settings": recorded(dict(trials[0].settings)), "val": trials[0].val.mean}
    entry = {**found, "val_by_default": scores[DEFAULTS], **_protocol(suite)}
    write_json(path, dict(sorted({**read_tuned(path), label(teacher): entry}.items())))


def _protocol(suite: Suite) -> Record:
    """The conditions that all teachers in a file must have been tuned under."""
    student = suite.env_settings["student"]
    return {"trials": len(suite.arms), "seeds": len(suite.all_seeds), "student": student}


def _shown(protocol: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in protocol.items())
