"""Figures about one episode, drawn with matplotlib's Agg canvas: no display, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from teachgym.report.captions import error_of, item_errors
from teachgym.report.tables import describe_run
from teachgym.runs.result import RunResult
from teachgym.types import SkillScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _GREY, _ORANGE = "#3366aa", "#bbbbbb", "#dd7722"


def progress_figure(
    curve: Sequence[SkillScore],
    by_skill: Mapping[str, SkillScore],
    *,
    before: Mapping[str, SkillScore] | None = None,
    best_step: int | None = None,
    split: str = "val",
    title: str = "",
) -> Figure:
    """The learning curve beside a bar per skill, both with standard errors.

    Args:
        curve: validation accuracy before the first step and after each, shape (n_steps + 1,).
        by_skill: score of each skill.
        before: scores of the untrained student, marked on the bars.
        best_step: the step whose student the scores by skill belong to, marked on the curve.
        split: what the scores by skill were measured on.
        title: printed above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = max(4.0, 0.24 * len(by_skill) + 1.2)
    figure = Figure(figsize=(11, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_curve(left, curve, best_step)
    _draw_bars(right, by_skill, before)
    right.set_title(f"by skill on {split}")
    if title:
        figure.suptitle(plain(title, 110))
    return figure


def result_figure(result: RunResult) -> Figure:
    """The learning curve on ``val`` and the scores by skill on ``test``, before and after."""
    return progress_figure(
        result.curve,
        result.test.skills_after,
        before=result.test.skills_before,
        best_step=result.best_step,
        split="test",
        title=describe_run(result),
    )


def plain(text: str, most: int = 72) -> str:
    r"""``text`` as matplotlib prints it letter by letter, ``most`` of them: no formulas.

    Example:
        >>> plain("price in $"), plain("addition", 4)
        ('price in \\$', 'add…')
    """
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(c if c.isprintable() else "?" for c in short).replace("$", r"\$")


def figure_to_array(figure: Figure) -> NDArray[np.uint8]:
    """The drawn figure as pixels, uint8, shape (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _draw_curve(axes: Axes, curve: Sequence[SkillScore], best_step: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    means = [point.mean for point in curve]
    errors = [error_of(point) for point in curve]
    axes.errorbar(range(len(curve)), means, yerr=errors, color=_BLUE, marker="o", capsize=3)
    if best_step is not None:
        best = means[best_step]
        axes.plot(best_step, best, "o", color=_ORANGE, zorder=3, label=f"best on val: {best:.3f}")
        axes.legend(loc="lower right")
    axes.set_xlabel("environment step")
    axes.set_ylabel(f"validation accuracy ({item_errors(curve)})")
    axes.set_title("learning curve")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _draw_bars(
    axes: Axes, by_skill: Mapping[str, SkillScore], before: Mapping[str, SkillScore] | None
) -> None:
    skills = list(by_skill)
    y = np.arange(len(skills))
    measured = [by_skill[s] if by_skill[s].n else SkillScore(0, 0.0, 0.0) for s in skills]
    means, errors = [m.mean for m in measured], [error_of(m) for m in measured]
    axes.barh(y, means, xerr=errors, color=_BLUE, ecolor=_GREY, label="best on val")
    if before is not None:
        marks = [before[s].mean if s in before else np.nan for s in skills]
        axes.scatter(marks, y, color=_ORANGE, marker="|", s=120, zorder=3, label="untrained")
        axes.legend(loc="lower right")
    axes.margins(y=0.01)
    axes.set_yticks(y, [plain(s, 28) + (" (not measured)" * (not by_skill[s].n)) for s in skills])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(f"accuracy ({item_errors(by_skill.values())})")
