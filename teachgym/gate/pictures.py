"""``Pictures``: finds the pictures of ``val`` and ``test`` in files that are written otherwise."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

from teachgym.images import ImageStore, open_image
from teachgym.protocols import Task
from teachgym.types import Example, Split


class Pictures:
    """Tells which held-out pictures an example shows.

    A picture is what it shows, pixel by pixel; how its file is packed and what else is in it makes
    no other one. The task's own pictures are known by their names, which are looked up when an
    example first has a picture. Those of val and test are read when it is none of the task's.

    Args:
        task: whose held-out pictures are looked for.
    """

    def __init__(self, task: Task) -> None:
        self._task = task

    def with_originals(self, example: Example) -> Example:
        """The example with the held-out pictures, too, of which its own are copies.

        Raises:
            ConfigError: for a picture that is not in the ``ImageStore`` or cannot be read.
        """
        foreign = [name for name in example.images if name not in self._own]
        if not foreign or not self._held_out:
            return example
        found = (name for f in foreign for name in self._originals.get(_pixels_of(f), ()))
        return replace(example, images=(*example.images, *found))

    @cached_property
    def _held_out(self) -> frozenset[str]:
        return self._names("val", "test")

    @cached_property
    def _own(self) -> frozenset[str]:
        return self._names("train") | self._held_out

    def _names(self, *splits: Split) -> frozenset[str]:
        return frozenset(
            name for split in splits for e in self._task.examples(split) for name in e.images
        )

    @cached_property
    def _originals(self) -> Mapping[str, Sequence[str]]:
        """The names of held-out pictures by the digest of their pixels."""
        names = defaultdict[str, list[str]](list)
        for name in sorted(self._held_out):
            names[_pixels_of(name)].append(name)
        return names


@lru_cache(4096)
def _pixels_of(name: str) -> str:
    image = open_image(ImageStore().get(name), f"image {name!r}")
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
