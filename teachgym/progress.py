"""A running episode on a terminal: a line per step over a bar of the budget."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from teachgym.types import Budget, Cost, Transition


class LiveProgress:
    """Shows steps and stages while it is entered.

    The bar is the share of the budget that is spent, in the currency of which the largest share
    is; the time remaining follows from it.

    Args:
        budget: of the episode.
        console: where to show it, by default the standard output; on anything but a terminal only
            the lines appear.
    """

    def __init__(self, budget: Budget, console: Console | None = None) -> None:
        self._budget, self._console = budget, console or Console()
        self._spent = Cost()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<26}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}% of the budget, {task.fields[left]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            speed_estimate_period=1e9,  # seconds: steps may take hours
        )
        self._bar = self._progress.add_task("starting", total=1.0, left=self._left())

    def __enter__(self) -> LiveProgress:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def say(self, stage: str) -> None:
        """Show what has begun."""
        self._progress.update(self._bar, description=stage)

    def observe(self, step: int, transition: Transition) -> None:
        """Show a finished step."""
        self._spent = self._spent + transition.info.get("cost", Cost())
        share = 1 - float(self._budget.fractions_left(self._spent).min())
        self._progress.update(self._bar, completed=share, left=self._left())
        self._console.print(_line(step, transition), markup=False, highlight=False)

    def _left(self) -> str:
        left = self._budget.remaining(self._spent)
        limited = [c for c in left if getattr(self._budget, c) is not None]
        parts = ", ".join(f"{left[c]:,.10g} {c.replace('_', ' ')}" for c in limited)
        return f"{parts} left" if parts else "which is unlimited"


def _line(step: int, transition: Transition) -> str:
    metrics = transition.info.get("metrics")
    if metrics is None:  # An environment of somebody else's.
        return f"step {step:>3}  reward {transition.reward:+z.3f}"
    kinds = ("rejected", "incidents")
    trouble = "".join(f", {metrics[kind]} {kind}" for kind in kinds if metrics.get(kind))
    return (
        f"step {step:>3}  val accuracy {metrics['accuracy']:.3f} ± {metrics['stderr']:.3f}  "
        f"reward {transition.reward:+z.3f}  {metrics['accepted']} examples{trouble}"
    )
