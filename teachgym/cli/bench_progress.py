"""The progress of a bench on a terminal: a bar, and a line for each running run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from teachgym.assembly import budget_of
from teachgym.benchmarks.bench.suites import Cell
from teachgym.escaping import terminal
from teachgym.runs.files import complete_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import is_step
from teachgym.runs.lock import is_held

MOST = 8
"""Runs under way that are shown by name."""


class BenchProgress:
    """Shows the progress of a bench within its context; reads the steps from its folder.

    The bar is of runs, those under way counted by the share of their steps; the time remaining
    follows from it. On anything but a terminal only the lines of finished runs appear.

    Args:
        name: of the bench.
        cells: its runs.
        finished: how many of them are finished already.
        folder: where they are.
        console: where to show it, by default the standard output.
    """

    def __init__(
        self,
        name: str,
        cells: Sequence[Cell],
        finished: int,
        folder: Path,
        console: Console | None = None,
    ) -> None:
        self._folder, self._console = folder, console or Console()
        self._left, self._finished = list(cells), finished
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[finished]} of {task.total} runs"),
            TimeRemainingColumn(),
            speed_estimate_period=1e9,  # seconds: runs may take hours
        )
        self._task = self._bar.add_task(
            name, total=len(cells), completed=finished, finished=finished
        )
        self._live = Live(
            get_renderable=self.picture,
            console=self._console,
            refresh_per_second=1,
            transient=True,
        )

    def __enter__(self) -> BenchProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def finish(self, cell: Cell) -> None:
        """Show that a run is finished."""
        self._left.remove(cell)
        self._finished += 1
        text = terminal(f"finished {cell.path}")
        self._console.print(text, markup=False, highlight=False)

    def picture(self) -> RenderableType:
        """Bar and lines, as they are now."""
        now = [(cell, steps_of(self._folder / cell.path)) for cell in tuple(self._left)]
        on = [(cell, steps) for cell, steps in now if steps is not None]
        shares = sum(steps / most for cell, steps in on if (most := budget_of(cell.config).steps))
        done = self._finished + shares
        self._bar.update(self._task, completed=done, finished=self._finished)
        lines = [Text(_line(cell, steps), overflow="ellipsis", no_wrap=True) for cell, steps in on]
        more = [Text(f"  and {len(on) - MOST} more")] if len(on) > MOST else []
        return Group(self._bar, *lines[:MOST], *more)


def steps_of(folder: Path) -> int | None:
    """The number of steps that the run in a folder has made; None unless a process works on it."""
    if not is_held(folder):
        return None
    return sum(map(is_step, complete_lines(RunFolder(folder).journal)))


def _line(cell: Cell, steps: int) -> str:
    most = budget_of(cell.config).steps
    after = f"after step {steps}{f' of {most}' if most else ''}" if steps else "starting"
    return terminal(f"  {cell.path}  {after}")
