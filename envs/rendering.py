"""What ``env.render()`` shows: a bar per skill and the learning curve, as text or as pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.snapshot import Snapshot
from teachgym.types import Score

_BAR_WIDTH = 30
_HEIGHTS = "▁▂▃▄▅▆▇█"


def render_ansi(state: Snapshot) -> str:
    """Plain text, one line per skill and one for the curve."""
    scores = state.report.by_skill()
    width = max(map(len, scores))
    bars = [f"{skill:<{width}} {_bar(score)}" for skill, score in scores.items()]
    curve = "".join(_HEIGHTS[min(7, int(point.mean * 8))] for point in state.curve)
    overall = state.report.overall
    head = f"step {state.step}: accuracy {overall.mean:.3f} ± {overall.stderr:.3f} (n={overall.n})"
    return "\n".join([head, *bars, f"learning curve {curve}"]) + "\n"


def render_rgb_array(state: Snapshot) -> NDArray[np.uint8]:
    """The same as an image, shape (height, width, 3)."""
    from teachgym.report.figures import figure_to_array, progress_figure

    return figure_to_array(progress_figure(state.curve, state.report.by_skill()))


def _bar(score: Score) -> str:
    if score.n == 0:
        return f"{'':{_BAR_WIDTH}} not measured"
    full = round(score.mean * _BAR_WIDTH)
    bar = "█" * full + "·" * (_BAR_WIDTH - full)
    return f"{bar} {score.mean:.2f} ± {score.stderr:.2f} (n={score.n})"
