"""The layout of a run's folder: what is where, and nothing about what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teachgym.errors import RunError
from teachgym.records import Record
from teachgym.runs.files import check_writable, refuse_links, remove, replacing, settle, write_json
from teachgym.shown import command


class _Place:
    """A path of each run by its place in the folder."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __get__(self, run: RunFolder | None, kind: type) -> Path:
        return Path(self._place) if run is None else run.path / self._place


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Everything but ``checkpoints`` is for people and other tools too; JSON Lines files load with
    ``datasets.load_dataset("json", data_files=...)``.
    """

    path: Path

    config = _Place("config.json")
    """Configuration, environment spec, versions and commit."""
    journal = _Place("journal.jsonl")
    """One line per finished stage: started, each step, exam, finished."""
    examples = _Place("examples.jsonl")
    """Every example trained on, in order, with its provenance."""
    rejected = _Place("rejected.jsonl")
    """Every rejected example, order and move, with step, reason and detail."""
    moves = _Place("moves.jsonl")
    """Every move made on the skill forest up to the last snapshot, with what became of it."""
    incidents = _Place("incidents.jsonl")
    """Every incident, such as a retry of a chat call or an evaluation that was cut short."""
    chat = _Place("chat.sqlite")
    """Every call of a chat model with its answer, so that the run can be re-run offline."""
    metrics = _Place("metrics.jsonl")
    """The metrics of the untrained student (step 0) and of each step, a line each."""
    predictions = _Place("predictions")
    """Folder of graded answers, on ``val`` (``step_000.jsonl``, ...) and on ``test``."""
    checkpoints = _Place("checkpoints")
    """Folder of the environment's last snapshot."""
    result = _Place("result.json")
    """The final table as JSON."""
    student = _Place("student")
    """The student that was best on ``val``, in the form its own ecosystem loads."""
    students = _Place("students")
    """Folder of the students of single steps, where ``teachgym.runs.Keep`` has them kept."""
    curve = _Place("curve.png")
    """The learning curve as an image."""

    @classmethod
    def create(cls, path: Path, config: Record) -> RunFolder:
        """A new run in an empty or new folder, with ``config`` in its ``config.json``.

        Raises:
            RunError: if there is something in the folder.
        """
        run = cls(settle(path))
        cls.check_new(run.path)
        try:
            if run.path.is_dir():  # Somebody may be in it, or have a link to it.
                run._fill(config)
            else:
                with replacing(run.path, new=True) as temporary:
                    cls(temporary)._fill(config)
        except OSError:
            cls.check_new(run.path)  # Somebody may have made a run there in the meantime.
            raise
        return run

    def _fill(self, config: Record) -> None:
        self.predictions.mkdir(parents=True)
        self.checkpoints.mkdir()
        write_json(self.config, config)

    @classmethod
    def check_new(cls, path: Path) -> None:
        """See that a run can be made in a folder, before much work is done for it.

        Raises:
            RunError: if there is something in the folder.
            OSError: if it cannot be made or written to.
        """
        path = settle(path)
        if (path / "config.json").exists():
            again = command("resume", path)
            raise RunError(f"{path} holds a run; give another folder, or: {again}")
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise RunError(f"{path} is not empty; give another folder")
        check_writable(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run that is in a folder.

        Raises:
            RunError: if there is none, or a link in it leads out of it.
        """
        run = cls(settle(path))
        if not run.config.is_file():
            raise RunError(f"{path} holds no run (it has no config.json); check the path")
        refuse_links(run.path, but=["wandb"])  # That is its tracker's, and nothing here reads it.
        return run

    def sweep(self) -> None:
        """Remove what processes that died left half written; only while nobody else writes."""
        for path in self.half_written():
            remove(path)

    def half_written(self) -> list[Path]:
        """Leftovers of processes that died within ``replacing``, if nobody writes now."""
        figures = self.path / "figures"
        folders = (self.path, self.predictions, self.checkpoints, self.students, figures)
        return [path for folder in folders for path in sorted(folder.glob(".*.tmp"))]

    def student_of(self, step: int) -> Path:
        """The student after a step, in the form its own ecosystem loads."""
        return self.students / f"step_{step:03d}"

    def val_predictions(self, step: int) -> Path:
        """Answers on ``val`` after a step; 0 = the untrained student."""
        return self.predictions / f"step_{step:03d}.jsonl"

    def test_predictions(self, which: str) -> Path:
        """Answers on ``test`` of the ``untrained`` or the ``best`` student."""
        return self.predictions / f"test_{which}.jsonl"
