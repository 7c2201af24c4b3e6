"""``env.render()``: the student by skill, what it was taught, and where it errs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from teachgym.forest import Forest
from teachgym.report.charts import COLORS, PIXELS, draw_lines, draw_rows, new_figure, plain
from teachgym.report.figures import curve_frame, curve_line, figure_to_array, skill_rows
from teachgym.report.teaching import draw_forest
from teachgym.snapshot import Snapshot
from teachgym.types import Example, Prediction, Report, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_WIDTH = 20
_HEIGHTS = "▁▂▃▄▅▆▇█"
_LINES, _CHARS = 8, 62
"""Size of a text in an image."""
_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 11, "color": COLORS["ink"]}


@dataclass(frozen=True, slots=True)
class Scene:
    """The data that a picture of an episode shows."""

    state: Snapshot
    untrained: Mapping[str, Score]
    """Scores by skill on ``val`` before the first step."""
    steps: int | None
    """The limit of steps, which the learning curve is drawn up to."""
    examples_per_step: int
    left: float
    """The smallest share of a limit of the budget that is left, in [0, 1]."""
    forest: Forest | None = None

    @property
    def headline(self) -> str:
        """Step, accuracy and budget on one line."""
        overall = self.state.report.overall
        measured = f"accuracy {overall.mean:.3f} ± {overall.stderr:.3f} (n={overall.n})"
        return f"step {self.state.step}: {measured}, {self.left:.0%} of the budget left"

    @property
    def taught(self) -> Sequence[Example]:
        """The examples of the last step."""
        last = takewhile(lambda example: example.step == self.state.step, reversed(self.state.data))
        return tuple(last)[::-1]


def rendered(scene: Scene, mode: str | None) -> Any:
    """Render a scene; without a render mode, warn and return None."""
    if mode is None:
        gym.logger.warn("render() does nothing without render_mode='ansi' or 'rgb_array'")
        return None
    return (render_ansi if mode == "ansi" else render_rgb_array)(scene)


def render_ansi(scene: Scene) -> str:
    """Render as plain text: a line per skill, the learning curve, and any forest."""
    scores = scene.state.report.by_skill()
    width = max(map(len, scores))
    bars = [f"{skill:<{width}} {_bar(score)}" for skill, score in scores.items()]
    curve = "".join(_HEIGHTS[min(7, int(point.mean * 8))] for point in scene.state.curve)
    forest = [draw_forest(scene.forest)] if scene.forest else []
    return "\n".join([scene.headline, *bars, f"learning curve {curve}", *forest]) + "\n"


def render_rgb_array(scene: Scene) -> NDArray[np.uint8]:
    """Render as an image of fixed size, shape (height, width, 3)."""
    state, by_skill = scene.state, scene.state.report.by_skill()
    # Known margins: what is laid out anew for every frame jumps about in a film.
    height = max(520, 18 * len(by_skill) + 110)
    figure = new_figure(860, height, dpi=84, layout=None)
    figure.text(0.02, 1 - 26 / height, plain(scene.headline, 90), fontsize=14, color=COLORS["ink"])
    curve = figure.add_axes((0.05, 0.5, 0.37, 0.5 - 68 / height))
    draw_lines(curve, [curve_line(state.curve)], curve_frame(state.curve))
    curve.set_xlim(-0.2, max(1, scene.steps or state.step) + 0.2)
    curve.set_ylim(0, 1)
    bottom, tall = 34 / height, 1 - 102 / height
    skills = figure.add_axes((0.53, bottom, 0.26, tall))
    rows = skill_rows(by_skill, scene.untrained)
    draw_rows(skills, [replace(row, text="") for row in rows], "")
    skills.set_xlim(-0.02, 1.02)
    skills.set_title("accuracy by skill (grey: untrained)", **_TITLE)
    _draw_taught(figure.add_axes((0.82, bottom, 0.16, tall)), scene, list(by_skill))
    if scene.forest:
        below = "the skill tree, with the examples taught", _trees(scene.forest)
    else:
        below = "what it was taught in this step", _shown(scene.taught)
    _write(figure, 0.5 - 66 / height, "what it gets wrong on val", _errors(state.report))
    _write(figure, 0.25 - 30 / height, *below)
    return figure_to_array(figure)


def _write(figure: Figure, top: float, title: str, lines: Sequence[str]) -> None:
    """A title with lines below it, in the left half of a figure."""
    height = figure.get_figheight() * PIXELS
    text = "\n".join(plain(line, _CHARS) for line in lines[:_LINES])
    figure.text(0.02, top, title, fontsize=11, color=COLORS["ink"])
    style: dict[str, Any] = {"fontsize": 9.5, "family": "monospace", "color": COLORS["muted"]}
    figure.text(0.02, top - 8 / height, text, va="top", linespacing=1.4, **style)


def _draw_taught(axes: Axes, scene: Scene, skills: Sequence[str]) -> None:
    """A bar per skill: the examples so far, those of the last step in a stronger colour."""
    total = Counter(example.skill for example in scene.state.data)
    last = Counter(example.skill for example in scene.taught)
    places = range(len(skills))
    style: dict[str, Any] = {"height": 0.6, "color": COLORS["c1"]}
    axes.barh(places, [total[skill] for skill in skills], alpha=0.35, **style)
    before = [total[skill] - last[skill] for skill in skills]
    axes.barh(places, [last[skill] for skill in skills], left=before, **style)
    axes.set_ylim(len(skills) - 0.4, -0.6)
    axes.set_xlim(0, max(scene.examples_per_step, *total.values(), 1))
    axes.set_yticks([])
    axes.set_title("examples (dark: new)", **_TITLE)
    axes.tick_params(labelsize=10, labelcolor=COLORS["muted"], length=0)
    axes.spines[:].set_visible(False)


def _errors(report: Report) -> list[str]:
    """A wrong answer for each skill that has one, the worst skills first."""
    wrong: dict[str, Prediction] = {}
    for prediction in report.predictions:
        if prediction.score < 1:
            wrong.setdefault(prediction.example.skill, prediction)
    scores = report.by_skill()
    worst = [wrong[skill] for skill in sorted(wrong, key=lambda skill: scores[skill].mean)]
    return [f"{_line(p.example.prompt)} → {_line(p.response)}" for p in worst]


def _shown(examples: Sequence[Example]) -> list[str]:
    """An example of each skill, with their number; the most taught first."""
    first = {example.skill: example for example in reversed(examples)}
    counts = Counter(example.skill for example in examples).most_common()
    shown = ((n, first[skill]) for skill, n in counts)
    return [f"{n:4} x  {_line(e.prompt)} → {_line(e.target)}" for n, e in shown]


def _trees(forest: Forest) -> list[str]:
    """A line for each root that has subskills."""
    return [
        f"{root}: {', '.join(f'{subskill.name} {subskill.taught}' for subskill in tree)}"
        for root, tree in forest.trees.items()
        if tree
    ] or ["nothing found yet"]


def _line(text: str) -> str:
    return " ".join(text.split())


def _bar(score: Score) -> str:
    if score.n == 0:
        return f"{'':{_BAR_WIDTH}} not measured"
    full = round(score.mean * _BAR_WIDTH)
    bar = "█" * full + "·" * (_BAR_WIDTH - full)
    return f"{bar} {score.mean:.2f} ± {score.stderr:.2f} (n={score.n})"
