"""The command line without what it draws, which is slow and tested elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest


class _Drawing:
    def savefig(self, path: Path, **_: object) -> None:
        path.write_text("a curve")


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Have ``curve.png`` of a run be a few letters."""
    patch.setattr("teachgym.experiment.result_figure", lambda result: _Drawing())


def draw_no_bench(patch: pytest.MonkeyPatch) -> None:
    """Have the page of a bench be a few letters."""

    def draw(bench: object, folder: Path) -> Path:
        page = folder / "report.html"
        page.write_text("a page")
        return page

    patch.setattr("teachgym.benchmarks.pages.page.draw_bench", draw)
