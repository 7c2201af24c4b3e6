"""``ImageStore``: pictures on disk, once each, under the SHA-256 of their PNG bytes.

Examples and prompts name a picture by that digest alone, so it is small wherever it is recorded,
and the same picture has the same name in every run.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from teachgym.cache import VARIABLE, cache_folder, write_whole
from teachgym.errors import ConfigError
from teachgym.shown import shown

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
        """Where the picture of that name is, or would be."""
        return self.folder / f"{digest}.png"


def is_png(content: bytes) -> bool:
    """Whether bytes begin and end as a PNG file does."""
    return content.startswith(_BEGINNING) and content.endswith(_END)
