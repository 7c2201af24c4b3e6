"""Hooks of mkdocs: the version at the foot of pages, and no request to other sites."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

from teachgym import __version__

ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc="https?://[^>]*>"""
    r"""|<link[^>]*\srel="(?:stylesheet|preconnect|icon)"[^>]*\shref="https?://[^>]*>"""
)
"""Elements for which a browser asks another site."""


def on_config(config: Any) -> Any:
    """Put the version at the foot of every page."""
    config.copyright = f"teachgym {__version__}, Apache-2.0"
    return config


def on_post_page(output: str, **others: Any) -> str:
    """Refuse a page that asks another site for anything while it loads."""
    if found := ELSEWHERE.search(output):
        raise PluginError(f"{others['page'].file.src_uri} asks another site: {found[0]}")
    return output
