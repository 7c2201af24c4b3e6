"""``WandbTracker``: metrics, tables and artifacts for Weights & Biases."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from teachgym.errors import missing_extra
from teachgym.redaction import redact
from teachgym.runs.files import read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.trackers.settings import WandbSettings
from teachgym.runs.trackers.tables import Table, tables
from teachgym.settings import Like


class WandbTracker:
    """Logs to Weights & Biases. Losing it is a warning and never stops a run.

    Args:
        settings: what goes there, and how.
        name: the run's name there.
        config: what to show as its configuration.
        folder: where wandb keeps its files.
        id: the run's id there; online the same one goes on with the same run.

    Raises:
        MissingExtraError: if wandb is not installed, unless it is disabled.
    """

    def __init__(
        self,
        settings: WandbSettings,
        *,
        name: str,
        config: Mapping[str, Any],
        folder: Path,
        id: str,
    ) -> None:
        self._settings, self._id = settings, id
        self._run: Any = None
        self._lost = settings.mode == "disabled"
        if self._lost:
            return
        try:
            import wandb
        except ImportError as error:
            raise missing_extra("wandb", "wandb") from error
        self._wandb = wandb
        with self._losing():
            self._run = wandb.init(
                project=settings.project,
                name=name,
                config=dict(config),
                dir=str(folder),
                mode=settings.mode,
                id=id,
                resume="allow" if settings.mode == "online" else None,
                # By default a process has one run at a time, and a second one would log to it.
                reinit="create_new",
                settings=wandb.Settings(
                    silent=True,
                    # It would record the command line and the address of the repository, in
                    # which there may be keys; versions and commit are in the configuration.
                    x_disable_meta=True,
                    disable_git=True,
                    # By default a run whose network is gone would wait for it without end.
                    finish_timeout=settings.finish_seconds,
                    finish_timeout_raises=True,
                ),
            )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send, or do nothing once wandb is lost."""
        if not self._lost:
            with self._losing():
                self._run.log(dict(metrics), step=step)
                # A resumed run may come to a step that wandb has already, and refuses; the last
                # step's scores on test must arrive all the same.
                self._run.summary.update(dict(metrics))

    def record(self, folder: Path) -> None:
        """Send tables of examples and errors, the training data and the trained student."""
        if self._lost:
            return
        run = RunFolder(folder)
        with self._losing():
            self._send_tables(tables(run, limit=self._settings.rows))
            self._send_files("examples", "dataset", run.path, [run.examples, run.rejected])
            if self._settings.log_student:
                files = [path for path in sorted(run.student.rglob("*")) if path.is_file()]
                self._send_files("student", "model", run.student, files)

    def close(self) -> None:
        """Wait until wandb has written what it got, ``finish_seconds`` at most."""
        if self._run is not None:
            with self._losing():
                self._run.finish()

    def _send_tables(self, found: Iterable[Table]) -> None:
        sent: dict[str, Any] = {}
        for table in found:
            sent[table.name] = self._wandb.Table(columns=list(table.columns), data=list(table.rows))
            self._run.summary[f"{table.name}/shown"] = f"{len(table.rows)} of {table.of}"
        self._run.log(sent)

    def _send_files(self, name: str, kind: str, root: Path, files: Iterable[Path]) -> None:
        artifact = self._wandb.Artifact(f"{name}-{self._id}", type=kind)
        for path in files:
            # A finished run's files do not change any more, so wandb need not copy them first.
            artifact.add_file(str(path), name=str(path.relative_to(root)), policy="immutable")
        self._run.log_artifact(artifact)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Whatever fails in here, reading included, is lost to wandb alone."""
        try:
            yield
        except Exception as error:  # Several of wandb's own derive from nothing narrower.
            if not self._lost:
                self._lost = True
                reason = str(error) or type(error).__name__
                message = redact(f"wandb is lost, the run goes on without it: {reason}")
                warnings.warn(message, stacklevel=4)


def open_wandb(run: RunFolder, **settings: Annotated[Any, Like(WandbSettings)]) -> WandbTracker:
    """Weights & Biases; a resumed run goes on under its name and id."""
    record = read_json(run.config)
    return WandbTracker(
        WandbSettings(**settings),
        name=record["config"]["name"] or run.path.name,
        config={
            **record["config"],
            "versions": record["versions"],
            "commit": record["commit"],
        },
        folder=run.path,
        id=record["id"],
    )
