"""Environments that tests of a file share do not outlive that file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.envs.forms import pair


@pytest.fixture(autouse=True, scope="module")
def _let_go_of_environments() -> Iterator[None]:
    """What is kept in a global could be reached from anywhere, which other tests look at."""
    yield
    pair.cache_clear()
