"""``TensorboardTracker``: metrics as TensorBoard's event files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from teachgym.errors import missing_extra
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.trackers.settings import TensorboardSettings
from teachgym.settings import Like


class TensorboardTracker:
    """Writes scalars to a folder that ``tensorboard --logdir`` shows.

    Each run and each resumption writes a file of its own. It begins with the mark of a restart at
    ``first_step``, at which TensorBoard forgets what earlier files say of that step and later
    ones, so a step that was logged just before a crash is there once.

    Args:
        folder: of the event files; made if it is missing.
        first_step: the first step that is going to be logged.

    Raises:
        MissingExtraError: if tensorboardX is not installed.
    """

    def __init__(self, folder: Path, *, first_step: int = 0) -> None:
        try:
            # Not its SummaryWriter, which hands events to a thread and cannot wait for it: what
            # is logged must be on disk before a step counts as done.
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
            from tensorboardX.proto.summary_pb2 import Summary
        except ImportError as error:
            raise missing_extra("tensorboardX", "tensorboard") from error
        folder.mkdir(parents=True, exist_ok=True)
        self._event, self._summary = Event, Summary
        # Names hold the second only; the step keeps two quick resumptions apart.
        self._file = EventsWriter(str(folder / "events"), filename_suffix=f".{first_step:06d}")
        self._write(first_step, session_log=SessionLog(status=SessionLog.START))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write one event with all numbers; on disk when this returns."""
        value = self._summary.Value
        values = [value(tag=name, simple_value=number) for name, number in metrics.items()]
        self._write(step, summary=self._summary(value=values))

    def record(self, folder: Path) -> None:
        """Nothing: numbers are all it keeps."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, step: int, **content: Any) -> None:
        self._file.write_event(self._event(wall_time=time.time(), step=step, **content))
        self._file.flush()


def open_tensorboard(
    run: RunFolder, **settings: Annotated[Any, Like(TensorboardSettings)]
) -> TensorboardTracker:
    """TensorBoard files in the run's folder; a resumed run goes on with the first missing step."""
    journal = Journal(run.journal)
    first = journal.n_steps + journal.has("started")
    return TensorboardTracker(run.path / "tensorboard", first_step=first)
