"""Where things are kept that can be made again."""

from __future__ import annotations

import os
from pathlib import Path

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
