"""What a page needs of a finished run, read from its folder once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from teachgym.errors import RunError
from teachgym.forest import Forest
from teachgym.records import Record
from teachgym.report.html.records import Written, read_written
from teachgym.report.teaching import last_forest
from teachgym.runs.checkpoints import read_report, steps_of_predictions
from teachgym.runs.files import read_json, read_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.result import RunResult, result_from_json
from teachgym.runs.retention import stride
from teachgym.shown import in_short
from teachgym.types import Report


@dataclass(frozen=True)
class RunMaterial:
    """All that a finished run left behind, read once."""

    result: RunResult
    config: Record
    """Content of ``config.json``: configuration, spec, versions, commit."""
    metrics: Sequence[Mapping[str, float]]
    """Lines of ``metrics.jsonl``, shape (n_steps + 1,)."""
    val: Mapping[int, Report]
    """On ``val``, before the first step (0) and after those whose predictions were kept, at most a
    hundred of them, evenly spread, and the best and the last, in order."""
    test: tuple[Report, Report]
    """On ``test``: of the untrained student and of the best."""
    written: tuple[Written, ...]
    """Examples, accepted and kept out."""
    forest: Forest | None
    """At the end; None in environments without one."""

    __repr__ = in_short

    @classmethod
    def read(cls, folder: RunFolder) -> RunMaterial:
        """Read a run's folder.

        Raises:
            RunError: if the run is not finished, or files are missing or damaged.
        """
        if not folder.result.exists():
            raise RunError(
                f"{folder.path} is not finished; finish it with: teachgym resume {folder.path}"
            )
        if (journal := Journal(folder.journal)).has_digests:
            journal.require_intact()
        result = result_from_json(read_json(folder.result))
        ends = {0, result.best_step, result.steps}
        kept = {s for s in steps_of_predictions(folder) if s % stride(result.steps) == 0}
        untrained, best = (
            read_report(folder.test_predictions(which), "test") for which in ("untrained", "best")
        )
        return cls(
            result=result,
            config=read_json(folder.config),
            metrics=read_lines(folder.metrics),
            val={s: read_report(folder.val_predictions(s), "val") for s in sorted(kept | ends)},
            test=(untrained, best),
            written=read_written(folder),
            forest=last_forest(folder),
        )

    @property
    def pairs(self) -> tuple[tuple[Report, Report], ...]:
        """The reports of the untrained and the best student, on ``test`` and on ``val``."""
        return self.test, (self.val[0], self.val[self.result.best_step])

    def spent(self, currency: str) -> list[float]:
        """The cost so far after each step, shape (n_steps + 1,)."""
        return [line.get(f"spent/{currency}", 0.0) for line in self.metrics]
