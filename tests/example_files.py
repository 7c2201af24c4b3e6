"""Files of examples, as runs write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from teachgym.records import example_to_json
from teachgym.redaction import hide
from teachgym.types import Example


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write a JSON Lines file, one example per line; an existing file is replaced."""
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(hide(json.dumps(example_to_json(example), allow_nan=False)) + "\n")
