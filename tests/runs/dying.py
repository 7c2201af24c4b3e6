"""A process that dies at a chosen moment, and a small environment for it to die in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents import make_teacher
from teachgym.engines import ENGINES
from teachgym.envs import EpisodeRules, SkillTree, TeacherEnv, TreeArrays, TreeMoves
from teachgym.evaluation import GenerateAndGrade
from teachgym.forest import TaskProposer
from teachgym.protocols import Teacher
from teachgym.runs.seals import FIRST, seal
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Budget, Transition, leaves_by_root


class Killed(BaseException):
    """Not an ``Exception``: like a real kill, nothing may catch it."""


def kill_after(step: int) -> Callable[[int, Transition], None]:
    """An observer of a run that kills it after this step, the first of which is 1."""

    def observe(number: int, transition: Transition) -> None:
        if number == step:
            raise Killed

    return observe


class Death:
    """Comes at the ``at``-th moment that counts; 0 = never. ``moments`` says how many there were.

    Moments are: before and after a file is on disk (before: its last bytes are torn off, but for
    those that are on disk already), before and after a file or folder takes its final name, before
    a file is deleted, before and after training.
    """

    def __init__(self, at: int = 0) -> None:
        self.at, self.moments = at, 0
        self._counting = Lock()  # A step is written while the next one is made.
        self._on_disk: dict[int, int] = {}
        """By file: bytes that were synchronised."""

    def pass_by(self, last_words: Callable[[], None] = lambda: None) -> None:
        with self._counting:
            self.moments += 1
            is_last = self.moments == self.at
        if is_last:
            last_words()
            raise Killed

    @contextmanager
    def around(self) -> Iterator[None]:
        """Let the files and the trainer of the block pass by."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "unlink", "fsync"):
                patch.setattr(os, name, self._dangerous(getattr(os, name), name == "fsync"))
            patch.setattr(RecordingTrainer, "train", self._dangerous(RecordingTrainer.train))
            yield

    def _dangerous(self, do: Callable[..., Any], tears: bool = False) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **settings: Any) -> Any:
            self.pass_by(lambda: self._tear(arguments[0]) if tears else None)
            result = do(*arguments, **settings)
            if tears:
                found = os.fstat(arguments[0])
                self._on_disk[found.st_ino] = found.st_size
            self.pass_by()
            return result

        return wrapped

    def _tear(self, descriptor: int) -> None:
        """Lose the last new bytes of an open file, if it is open for writing."""
        found = os.fstat(descriptor)
        try:
            os.ftruncate(descriptor, max(self._on_disk.get(found.st_ino, 0), found.st_size - 3))
        except OSError:
            return


def toy_tree(steps: int = 3) -> tuple[gym.Env[Any, Any], Teacher[Any, Any]]:
    """A Skill-Tree environment with a forest, rejections, and a random teacher with a memory."""
    task = ToyTask(per_cell=1)
    base = TeacherEnv(
        task,
        TableStudent(half=4),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(budget=Budget(steps=steps), examples_per_step=12),
    )
    proposer = TaskProposer(leaves_by_root(task.skills))
    tree = SkillTree(base, ENGINES.make("pool", task), proposer, max_subskills=2)
    env = TreeArrays(TreeMoves(tree))
    return env, make_teacher("random-tree", env)


def stop_clocks(patch: pytest.MonkeyPatch) -> None:
    """Make wall-clock seconds 0, so that equal runs have equal files."""
    for module in ("teachgym.ledger", "teachgym.experiment"):
        patch.setattr(f"{module}.perf_counter", lambda: 0.0)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def reseal(journal: Path, lines: list[dict[str, Any]]) -> None:
    """Write changed lines of a journal as if they had been written so."""
    previous, texts = FIRST, []
    for line in lines:
        record = {k: v for k, v in line.items() if k not in ("previous", "digest")}
        text, previous = seal(record, previous)
        texts.append(text)
    journal.write_text("".join(texts))
