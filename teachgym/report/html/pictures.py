"""The pictures of a page: bytes from the image store as data URIs, so that nothing is fetched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from teachgym.errors import ConfigError
from teachgym.images import ImageStore
from teachgym.types import Example

MOST_BYTES, MOST_IN_ALL = 2**18, 2**24
"""Bytes of one picture, and of all on a page; what is larger is named and not shown."""


def data_uris(examples: Iterable[Example]) -> dict[str, str]:
    """The data URI of each picture of the examples, by its digest, as many as may be shown.

    Pictures that are missing or damaged are left out: a page is made of what is there.
    """
    found: dict[str, str] = {}
    store = ImageStore()
    total = 0
    for digest in dict.fromkeys(name for example in examples for name in example.images):
        try:
            png = store.get(digest)
        except ConfigError:
            continue
        if len(png) <= MOST_BYTES and total + len(png) <= MOST_IN_ALL:
            found[digest] = f"data:image/png;base64,{b64encode(png).decode()}"
            total += len(png)
    return found
