"""Pictures on disk, once each, under the digest of their bytes."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from teachgym.errors import ConfigError, MissingExtraError
from teachgym.gate.checks import Shape, fault_of_images
from teachgym.images import ImageStore, open_image, to_png
from teachgym.testing.pictures import draw_png, read_png
from teachgym.types import Example

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


# -- files of others -------------------------------------------------------------------------


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_by_one() -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (2, 1), "red")
    image.putpixel((1, 0), (0, 0, 255))
    return image


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_every_usual_format_becomes_red_green_and_blue(mode: str) -> None:
    white = Image.new("RGB", (3, 2), "white").convert(mode)
    read = open_image(saved(white, "TIFF"), "a.tiff")
    assert (read.mode, read.size) == ("RGB", (3, 2))
    assert np.asarray(read).min() == 255


def test_a_turned_photograph_is_read_upright() -> None:
    """EXIF orientation 3 means upside down, so left and right change places."""
    exif = Image.Exif()
    exif[0x0112] = 3
    read = open_image(saved(two_by_one(), "PNG", exif=exif), "a.png")
    assert np.asarray(read).tolist() == [[[0, 0, 255], [255, 0, 0]]]
    assert open_image(to_png(read), "b").getexif() == {}


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (1, 1), (255, 0, 0, 0))
    assert open_image(saved(clear, "PNG"), "a").getpixel((0, 0)) == (255, 255, 255)


def animated() -> bytes:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue", "green")]
    return saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


def bomb(side: int) -> bytes:
    """A file of some bytes that says it has side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    checked = chunk + struct.pack(">I", zlib.crc32(chunk))
    return RED[:8] + struct.pack(">I", 13) + checked + RED[33:]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not a readable picture"),
        (b"<svg/>", "is not a readable picture"),
        (RED[:40] + RED[50:], "is not a readable picture"),
        (bomb(9_000), "has 9000 x 9000 pixels; at most 67,108,864 are unpacked"),
        (bomb(60_000), "DecompressionBombError"),
        (animated(), "has 3 frames; save the one that is meant"),
        (saved(Image.new("I;16", (2, 2)), "PNG"), "format 'I;16'; save it with 8 bits a channel"),
    ],
)
def test_bad_pictures_are_told_in_one_line_that_names_them(content: bytes, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_image(content, "photo.png")
    assert str(caught.value).startswith("photo.png ")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_gate_keeps_out_pictures_that_nobody_could_see(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    for content, fault in ((bomb(9_000), "9000 x 9000"), (animated(), "3 frames")):
        example = Example("name:", "red", "name", images=(store.put(content),))
        assert fault in str(fault_of_images(Shape(images=True, turns=0), store, example))


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[vision\]'"):
        open_image(RED, "a.png")


@pytest.mark.slow
def test_ten_thousand_pictures_take_little_memory_and_one_file_each(tmp_path: Path) -> None:
    store, colours = ImageStore(tmp_path), [(i // 100, i % 100, 0) for i in range(10_000)]
    tracemalloc.start()
    names = [store.put(draw_png(colour)) for colour in colours]
    assert [read_png(store.get(name)) for name in names] == colours
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(names)) == len(list(tmp_path.iterdir())) == 10_000
    assert peak < 2**23
