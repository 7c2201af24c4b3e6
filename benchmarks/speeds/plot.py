"""The ratios as horizontal bars, promised ones marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speeds.results import CaseResult, Spread, Verdict

_OWN, _OTHER, _GATE = "#2a7f62", "#9fb4c7", "#c0392b"


def draw(results: Sequence[CaseResult], verdicts: Sequence[Verdict], path: Path) -> None:
    """Write a PNG: a panel for every case that compares systems."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [(result, bars) for result in results if (bars := _bars(result))]
    if not panels:
        return
    heights = [len(bars) + 1.1 for _, bars in panels]
    figure: Any = Figure(figsize=(9, 0.34 * sum(heights) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (result, bars) in zip(axes, panels, strict=True):
        gates = {v.gate.against: v.gate.least for v in verdicts if v.gate.case == result.case.name}
        _draw_panel(axis, result, bars, gates)
    figure.suptitle("Time for the same work, in multiples of the system in green", fontsize=11)
    axes[-1].set_xlabel("times as long; red: promised at least", fontsize=9)
    figure.savefig(path, dpi=130)


def _bars(result: CaseResult) -> list[tuple[str, Spread]]:
    """Ratios of a case, from the bottom up; none if nothing is compared."""
    found = [(runs.name, result.ratio(runs.name)) for runs in result.runs]
    bars = [(name, ratio) for name, ratio in found if ratio is not None]
    return sorted(bars, key=lambda bar: bar[1].median) if len(bars) > 1 else []


def _draw_panel(
    axis: Any, result: CaseResult, bars: list[tuple[str, Spread]], gates: dict[str, float]
) -> None:
    top = max(max(ratio.high for _, ratio in bars), *gates.values(), 1.0)
    for row, (name, ratio) in enumerate(bars):
        own = name == result.case.subject
        axis.barh(row, ratio.median, color=_OWN if own else _OTHER, height=0.7)
        axis.plot((ratio.low, ratio.high), (row, row), color="black", linewidth=1)
        axis.text(ratio.high + top * 0.01, row, f"{ratio.median:.2f}", va="center", fontsize=8)
        if name in gates:
            axis.plot((gates[name],) * 2, (row - 0.45, row + 0.45), color=_GATE, linewidth=2)
    axis.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    axis.set_xlim(0, top * 1.12)
    axis.tick_params(axis="x", labelsize=8)
    title = f"{result.case.workload} {result.case.title} ({result.case.shape})"
    axis.set_title(title, fontsize=8.5, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
