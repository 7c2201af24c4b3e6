"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_with_examples() -> Iterator[str]:
    """All but bridges, which import packages that need not be there."""
    for folder in ("teachgym", "agents", "benchmarks", "envs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "bridges" not in parts and ">>>" in path.read_text(encoding="utf-8"):
                yield ".".join(("teachgym", *parts[folder == "teachgym" :])).removesuffix(
                    ".__init__"
                )


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_examples_give_what_they_say(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
