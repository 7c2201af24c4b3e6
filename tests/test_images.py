"""Pictures on disk, once each, under the digest of their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from teachgym.errors import ConfigError
from teachgym.images import ImageStore
from teachgym.testing.pictures import draw_png, read_png

RED = draw_png((210, 30, 40))


def test_a_picture_comes_back_byte_for_byte_under_its_digest(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "new")
    name = store.put(RED)
    assert name == hashlib.sha256(RED).hexdigest()
    assert store.get(name) == RED
    assert read_png(store.get(name)) == (210, 30, 40)


def test_the_same_picture_lies_there_once(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    assert store.put(RED) == store.put(bytes(RED))
    assert store.put(draw_png((0, 0, 1))) != store.put(draw_png((0, 0, 2)))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("content", [b"", b"GIF89a", RED[:-1], RED[8:], RED[:20]])
def test_only_whole_png_files_are_taken_in(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="whole PNG file; convert it"):
        ImageStore(tmp_path).put(content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", RED[:-1], draw_png((1, 2, 3))])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    store = ImageStore(tmp_path)
    name = store.put(RED)
    store.path(name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}\.png is damaged"):
        store.get(name)
    store.put(RED)
    assert store.get(name) == RED, "to keep it again mends it"


def test_a_missing_picture_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{'0' * 64}\.png cannot be read: .*TEACHGYM_CACHE"):
        ImageStore(tmp_path).get("0" * 64)
