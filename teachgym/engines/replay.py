"""Replay: examples from another run's training data, without paying for them again."""

from __future__ import annotations

from pathlib import Path

from teachgym.engines.pool import PoolEngine
from teachgym.errors import RunError
from teachgym.protocols import Task
from teachgym.records import read_examples


class ReplayEngine(PoolEngine):
    """A pool of the examples that a recorded run was trained on.

    It fills the present teacher's orders, whatever the recorded teacher ordered. To repeat a run
    step by step instead, hand ``teachgym.records.by_step`` to the Open-Ended environment.

    Args:
        task: the task the data is for.
        path: a run folder with an ``examples.jsonl``, or a JSON Lines file of examples.

    Raises:
        RunError: if there is no such file.
        ConfigError: if a line of it is not an example.
    """

    name = "replay"

    def __init__(self, task: Task, path: str | Path) -> None:
        file = Path(path)
        if file.is_dir():
            file /= "examples.jsonl"
        if not file.is_file():
            raise RunError(f"{file} does not exist; give the folder of a run or a JSON Lines file")
        super().__init__(task.skills, read_examples(file))
