"""``ImageStore``: pictures on disk, once each, under the SHA-256 of their PNG bytes.

Examples and prompts name a picture by that digest alone, so it is small wherever it is recorded,
and the same picture has the same name in every run. ``open_image`` reads the files of others.
"""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from typing import Any

from teachgym.cache import VARIABLE, cache_folder, write_whole
from teachgym.errors import ConfigError, missing_extra, require_packages
from teachgym.shown import shown

MOST_PIXELS = 2**26
"""The most pixels of a picture; one with more is not unpacked, however small its file is."""

_READ_AS_THEY_ARE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pixel formats of 8 bits or fewer, which become RGB without a choice."""

_BEGINNING = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"
_END = b"\0\0\0\0IEND\xaeB`\x82"


class ImageStore:
    """A folder with ``<digest>.png`` for each picture; several processes may share it.

    Args:
        folder: made when there is something to write; None = ``images`` in the cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_folder("images") if folder is None else folder

    def put(self, png: bytes) -> str:
        """Keep a picture.

        Returns:
            Its name: 64 hex digits.

        Raises:
            ConfigError: for bytes that are no PNG.
        """
        if not is_png(png):
            raise ConfigError(
                f"{shown(png[:16])} does not begin a whole PNG file; convert it to PNG first"
            )
        digest = hashlib.sha256(png).hexdigest()
        path = self.path(digest)
        if not path.exists() or path.read_bytes() != png:  # a damaged one is mended
            write_whole(path, png)
        return digest

    def get(self, digest: str) -> bytes:
        """The PNG bytes of a picture.

        Raises:
            ConfigError: if it is not there, or not what its name says.
        """
        path = self.path(digest)
        try:
            png = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read: {error.strerror}; make the task that draws it once more, "
                f"or set {VARIABLE} to the cache folder that has it"
            ) from error
        if hashlib.sha256(png).hexdigest() != digest or not is_png(png):
            raise ConfigError(
                f"{path} is damaged: it is not the picture of its name; make the task that draws "
                "it once more"
            )
        return png

    def path(self, digest: str) -> Path:
        """The place of the picture of that name, whether it is there or not."""
        return self.folder / f"{digest}.png"


def is_png(content: bytes) -> bool:
    """Whether bytes begin and end as a PNG file does."""
    return content.startswith(_BEGINNING) and content.endswith(_END)


def open_image(content: bytes, name: str) -> Any:
    """The picture in a file's bytes, as an RGB image of pillow, upright and on white.

    It is turned as its EXIF data say; transparent pixels show white; other colours, such as those
    of CMYK, become red, green and blue.

    Args:
        content: a PNG, JPEG or whatever pillow reads.
        name: of the file, for the message.

    Raises:
        ConfigError: for what is no picture, is damaged, has more than ``MOST_PIXELS``, several
            frames, or more than 8 bits a channel.
        MissingExtraError: without pillow.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing_extra("pillow", "vision") from error
    try:
        # A limit of pillow's own is for a whole process; this one is looked at before unpacking.
        image: Any = Image.open(io.BytesIO(content))
        width, height = image.size
        frames, mode = getattr(image, "n_frames", 1), image.mode
        if width * height > MOST_PIXELS:
            fault = f"has {width} x {height} pixels; at most {MOST_PIXELS:,} are unpacked"
        elif frames > 1:
            fault = f"has {frames} frames; save the one that is meant as a picture of its own"
        elif mode not in _READ_AS_THEY_ARE:
            fault = f"has pixels of the format {mode!r}; save it with 8 bits a channel"
        else:
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return image.convert("RGB")
    except Exception as error:  # what pillow's readers raise for damaged bytes can be anything
        fault = f"is not a readable picture: {type(error).__name__}: {error}"
    raise ConfigError(f"{name} {fault}")


def to_png(image: Any) -> bytes:
    """The bytes of a PNG file of an image of pillow, without anything but its pixels."""
    file = io.BytesIO()
    plain = image.convert("RGB")
    plain.info = {}
    plain.save(file, "PNG")
    return file.getvalue()


def draw_plain(side: int, colour: tuple[int, int, int]) -> bytes:
    """The PNG file of a picture of one colour."""
    from PIL import Image

    return to_png(Image.new("RGB", (side, side), colour))


def require_pillow() -> None:
    """Raise ``MissingExtraError`` without pillow, which draws and reads pictures."""
    require_packages("vision", "PIL")
