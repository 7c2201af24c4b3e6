"""Runs of the command line without their figure, which is slow and tested in tests/report."""

from __future__ import annotations

from pathlib import Path

import pytest


class _Drawing:
    def savefig(self, path: Path, **_: object) -> None:
        path.write_text("a curve")


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Have ``curve.png`` of a run be a few letters."""
    patch.setattr("teachgym.experiment.result_figure", lambda result: _Drawing())
