"""Where the cache is, by environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from teachgym.cache import cache_folder


def test_the_variables_are_asked_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHGYM_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "common"))
    assert cache_folder("models") == tmp_path / "own" / "models"
    monkeypatch.delenv("TEACHGYM_CACHE")
    assert cache_folder("models") == tmp_path / "common" / "teachgym" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("models") == tmp_path / ".cache" / "teachgym" / "models"
    assert not cache_folder("models").exists()
