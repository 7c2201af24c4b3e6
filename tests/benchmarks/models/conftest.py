"""The command that makes bases, on few items."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from teachgym.benchmarks.models import pretrain


@pytest.fixture
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Call ``pretrain`` with arguments; the folder of the base that it wrote."""

    def call(kind: str, *arguments: str, items: int) -> Path:
        monkeypatch.setattr(pretrain, "ITEMS", items)
        monkeypatch.setattr(pretrain, "DOSE", 3)
        monkeypatch.setattr(sys, "argv", ["pretrain", kind, "--out", str(tmp_path), *arguments])
        pretrain.main()
        (folder,) = (tmp_path / kind).iterdir()
        return folder

    return call
