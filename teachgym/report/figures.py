"""The charts of an episode, and charts as files and pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

import numpy as np
from numpy.typing import NDArray

from teachgym.report.captions import item_errors, numbers
from teachgym.report.charts import (
    Chart,
    Frame,
    Line,
    Point,
    Row,
    draw_lines,
    draw_rows,
    interval_chart,
    line_chart,
    new_figure,
    plain,
    score_mark,
)
from teachgym.report.tables import describe_run
from teachgym.runs.files import replacing
from teachgym.runs.result import RunResult
from teachgym.types import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_charts(result: RunResult) -> dict[str, Chart]:
    """Charts of the learning curve on ``val`` and the skills on ``test``, by name of their file."""
    exam = result.test
    shown = [*exam.skills_before.values(), *exam.skills_after.values()]
    return {
        "learning_curve": line_chart([curve_line(result.curve)], curve_frame(result.curve)),
        "skills": interval_chart(
            skill_rows(exam.skills_after, exam.skills_before),
            "Skills on test",
            "accuracy",
            note=f"grey: untrained, blue: best on val; {item_errors(shown)}",
        ),
    }


def result_figure(result: RunResult) -> Figure:
    """The learning curve on ``val`` and the scores by skill on ``test``, before and after.

    The curve has a mark at the step whose student was best on val.
    """
    before, after, best_step = result.test.skills_before, result.test.skills_after, result.best_step
    figure = new_figure(792, max(288, 86 + 20 * len(after)), dpi=100)
    left, right = figure.subplots(1, 2)
    frame, score = curve_frame(result.curve), result.curve[best_step]
    best = Point(best_step, score_mark(f"step {best_step}", score))
    marked = Line(f"best on val: {score.mean:.3f}", [best], "c1")
    draw_lines(left, [curve_line(result.curve), marked], frame)
    left.set_title(f"{frame.y} ({frame.note})", loc="left", fontsize=11)
    left.legend(loc="lower right")
    draw_rows(right, skill_rows(after, before), f"accuracy ({item_errors(after.values())})")
    right.set_xlim(-0.02, 1.02)
    right.set_title("by skill on test (grey: untrained)", loc="left", fontsize=11)
    figure.suptitle(plain(describe_run(result), 110))
    return figure


def curve_line(curve: Sequence[Score]) -> Line:
    """The line of validation accuracy by step."""
    return Line("", [Point(step, score_mark(f"step {step}", p)) for step, p in enumerate(curve)])


def curve_frame(curve: Sequence[Score]) -> Frame:
    """The frame of a learning curve."""
    step, accuracy = "environment step", "accuracy on val"
    return Frame("Learning curve", step, accuracy, item_errors(curve), whole=True)


def skill_rows(after: Mapping[str, Score], before: Mapping[str, Score] | None = None) -> list[Row]:
    """A row per skill, with the score of the untrained student where there is one."""
    rows = []
    for skill, score in after.items():
        scores, marks = [score], [score_mark(skill, score)]
        if before is not None:
            first = before.get(skill, Score.nothing())
            scores.insert(0, first)
            marks = [
                score_mark(f"{skill}, untrained", first, "quiet"),
                score_mark(f"{skill}, best", score),
            ]
        shown = " → ".join(f"{s.mean:.2f}" if s.n else "not measured" for s in scores)
        rows.append(Row(skill, marks, f"{shown}, {numbers(scores)}"))
    return rows


# -- files and pixels --------------------------------------------------------------------------


def save_charts(folder: Path, charts: Mapping[str, Chart], heading: str) -> None:
    """Write each chart as PNG at 200 dots per inch and as SVG; equal charts give equal files.

    What the page says beside a chart is printed above it, so it can be embedded no more.

    Args:
        folder: made if it is missing.
        charts: by the names of their files.
        heading: the first line above each, who was taught or compared.
    """
    for name, chart in charts.items():
        above = (plain(line, 100) for line in (heading, chart.title, chart.note) if line)
        chart.figure.suptitle("\n".join(above), y=1.0, va="bottom", fontsize=9, linespacing=1.4)
        for kind in ("png", "svg"):
            with replacing(folder / f"{name}.{kind}") as temporary, drawing():
                undated = {"Date": None} if kind == "svg" else {}
                chart.figure.savefig(
                    temporary, format=kind, dpi=200, bbox_inches="tight", metadata=undated
                )


def chart_svg(chart: Chart) -> str:
    """The drawing as matplotlib writes it, one pixel of a page a unit; without a date."""
    from io import StringIO

    buffer = StringIO()
    with drawing():
        chart.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


@contextmanager
def drawing() -> Iterator[None]:
    """Have an SVG keep its texts as texts within, and the same ids each time; in silence."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "teachgym", "svg.fonttype": "none"}), catch_warnings():
        # A letter that the font lacks becomes a box; that is no reason to speak up.
        filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def figure_to_array(figure: Figure) -> NDArray[np.uint8]:
    """The drawn figure as pixels, uint8, shape (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    with drawing():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
