"""The data that a page needs of a run, read from its folder once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from teachgym.errors import RunError
from teachgym.forest import Forest
from teachgym.records import Record, score_from_json
from teachgym.report.html.calls import Call, read_asked
from teachgym.report.html.records import Written, read_written
from teachgym.report.teaching import last_forest
from teachgym.runs.checkpoints import read_report, steps_of_predictions
from teachgym.runs.files import read_json, read_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.provenance import read_record
from teachgym.runs.result import RunResult, result_from_json
from teachgym.runs.retention import stride
from teachgym.shown import command, in_short
from teachgym.types import Report, Score


@dataclass(frozen=True)
class RunSoFar:
    """All that a run has left behind until now, finished or not."""

    config: Record
    """Content of ``config.json``: configuration, spec, versions, commit."""
    metrics: Sequence[Mapping[str, float]]
    """Lines of ``metrics.jsonl``, shape (n_steps + 1,)."""
    val: Mapping[int, Report]
    """On ``val``, before the first step (0) and after those whose predictions were kept, at most a
    hundred of them, evenly spread, and the best and the last, in order."""
    written: tuple[Written, ...]
    """Examples, accepted and kept out."""
    calls: tuple[Call, ...]
    """The calls of chat models, by teachers and engines; empty where none was recorded in the
    folder."""
    forest: Forest | None
    """After the last step; None in environments without one."""

    __repr__ = in_short

    @classmethod
    def until_now(cls, folder: RunFolder) -> RunSoFar:
        """Read the folder of a run that may be going on: what belongs to its whole steps.

        Raises:
            RunError: if its first evaluation is not over, or files are missing or damaged.
        """
        steps = Journal(folder.journal).n_steps
        metrics = read_lines(folder.metrics)[: steps + 1]
        kept = steps_of_predictions(folder)
        if not metrics or 0 not in kept:
            raise RunError(f"{folder.path} has not evaluated the untrained student yet")
        return cls(
            config=read_record(folder),
            metrics=metrics,
            val=_reports(folder, steps, {0, steps} & {*kept}),
            written=read_written(folder, steps),
            calls=read_asked(folder, steps),
            forest=last_forest(folder),
        )

    @property
    def curve(self) -> Sequence[Score]:
        """Accuracy on ``val`` before the first step and after each, shape (n_steps + 1,)."""
        return [
            score_from_json({"n": int(m["n"]), "mean": m["accuracy"], "stderr": m["stderr"]})
            for m in self.metrics
        ]

    def spent(self, currency: str) -> list[float]:
        """The cost so far after each step, shape (n_steps + 1,)."""
        return [line.get(f"spent/{currency}", 0.0) for line in self.metrics]


@dataclass(frozen=True)
class RunMaterial(RunSoFar):
    """All that a finished run left behind, read once."""

    result: RunResult
    test: tuple[Report, Report]
    """On ``test``: of the untrained student and of the best."""

    __repr__ = in_short

    @classmethod
    def read(cls, folder: RunFolder) -> RunMaterial:
        """Read a run's folder.

        Raises:
            RunError: if the run is not finished, or files are missing or damaged.
        """
        if not folder.result.exists():
            raise RunError(
                f"{folder.path} is not finished; finish it with: {command('resume', folder.path)}"
            )
        Journal(folder.journal).require_intact(reads=True)
        result = result_from_json(read_json(folder.result))
        untrained, best = (
            read_report(folder.test_predictions(which), "test") for which in ("untrained", "best")
        )
        return cls(
            config=read_record(folder),
            metrics=read_lines(folder.metrics),
            val=_reports(folder, result.steps, {0, result.best_step, result.steps}),
            written=read_written(folder),
            calls=read_asked(folder),
            forest=last_forest(folder),
            result=result,
            test=(untrained, best),
        )

    @property
    def curve(self) -> Sequence[Score]:
        """The curve of the result."""
        return self.result.curve

    @property
    def pairs(self) -> tuple[tuple[Report, Report], ...]:
        """The reports of the untrained and the best student, on ``test`` and on ``val``."""
        return self.test, (self.val[0], self.val[self.result.best_step])


def _reports(folder: RunFolder, steps: int, ends: set[int]) -> dict[int, Report]:
    """The kept predictions on ``val`` of some steps, evenly, and of ``ends``."""
    kept = {s for s in steps_of_predictions(folder) if s <= steps and s % stride(steps) == 0}
    return {s: read_report(folder.val_predictions(s), "val") for s in sorted(kept | ends)}
