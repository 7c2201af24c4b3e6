"""The cache: files that can be made again."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

VARIABLE = "TEACHGYM_CACHE"
"""Environment variable with the folder to use instead of the user's cache folder."""


def cache_folder(kind: str) -> Path:
    """The folder for ``kind``, which may not exist yet.

    ``$TEACHGYM_CACHE``, else ``$XDG_CACHE_HOME/teachgym``, else ``~/.cache/teachgym``; in it the
    subfolder ``kind``.
    """
    own, common = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own) / kind
    return (Path(common) if common else Path.home() / ".cache") / "teachgym" / kind


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all, and the folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.replace(file.name, path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
