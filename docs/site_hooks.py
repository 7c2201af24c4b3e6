"""What the site says of itself that is written elsewhere: its version. mkdocs calls it."""

from __future__ import annotations

from typing import Any

from teachgym import __version__


def on_config(config: Any) -> Any:
    """Put the version at the foot of every page."""
    config.copyright = f"teachgym {__version__}, Apache-2.0"
    return config
