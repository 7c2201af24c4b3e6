"""Figures for papers: one message each, as PNG and SVG, drawn with matplotlib without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings, filterwarnings

from teachgym.report.captions import error_of, item_errors
from teachgym.report.figures import plain
from teachgym.report.tables import describe_run
from teachgym.runs.files import replacing
from teachgym.runs.result import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREY = "#2a63b0", "#8a93a0"


def run_figures(result: RunResult) -> dict[str, Figure]:
    """The learning curve on ``val`` and the skills on ``test``, by the names of their files."""
    return {"learning_curve": _learning_curve(result), "skills": _skills(result)}


def paper_figure(title: str, *, width: float = 4.6, height: float = 3.0) -> tuple[Figure, Axes]:
    """A figure with one plain pair of axes; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(plain(title), fontsize=8)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def save_figures(folder: Path, figures: Mapping[str, Figure]) -> None:
    """Write each as PNG at 200 dots per inch and as SVG; equal figures give equal files."""
    from matplotlib import rc_context

    folder.mkdir(exist_ok=True)
    for name, figure in figures.items():
        for kind in ("png", "svg"):
            undated = {"Date": None} if kind == "svg" else {}
            with (
                rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}),
                catch_warnings(),
                replacing(folder / f"{name}.{kind}") as temporary,
            ):
                # A letter that the font lacks becomes a box; that is no reason to speak up.
                filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
                figure.savefig(
                    temporary, format=kind, dpi=200, bbox_inches="tight", metadata=undated
                )


def _learning_curve(result: RunResult) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure, axes = paper_figure(describe_run(result))
    means = [point.mean for point in result.curve]
    errors = [error_of(point) for point in result.curve]
    axes.errorbar(range(len(means)), means, yerr=errors, color=BLUE, marker="o", ms=4, capsize=2)
    axes.set_xlabel("environment step")
    axes.set_ylabel(f"accuracy on val\n({item_errors(result.curve)})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _skills(result: RunResult) -> Figure:
    skills = list(result.test.skills_before)
    figure, axes = paper_figure(describe_run(result), height=1.2 + 0.22 * len(skills))
    states = (
        ("untrained", result.test.skills_before, GREY, -0.13),
        ("best on val", result.test.skills_after, BLUE, 0.13),
    )
    for label, scores, color, shift in states:
        rows = [(y + shift, scores[s]) for y, s in enumerate(skills) if scores[s].n]
        axes.errorbar(
            [score.mean for _, score in rows],
            [y for y, _ in rows],
            xerr=[error_of(score) for _, score in rows],
            fmt="o",
            ms=4,
            color=color,
            label=label,
        )
    axes.set_yticks(
        range(len(skills)), [f"{plain(s, 28)} (n={result.test.skills_after[s].n})" for s in skills]
    )
    axes.invert_yaxis()
    shown = [*result.test.skills_before.values(), *result.test.skills_after.values()]
    axes.set_xlabel(f"accuracy on test ({item_errors(shown)})")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
