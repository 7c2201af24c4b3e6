"""The sandboxes that this machine has, for tests that run programs."""

from __future__ import annotations

from functools import cache

import pytest

from teachgym.errors import ConfigError
from teachgym.sandbox import Sandbox, open_sandbox
from teachgym.sandbox.providers import ORDER


@cache
def _found(name: str) -> Sandbox | str:
    try:
        return open_sandbox(name)
    except ConfigError as error:
        return str(error)


def sandbox_or_skip(name: str = "auto") -> Sandbox:
    """The sandbox of that provider; the test is skipped, with the reason, where it has none."""
    found = _found(name)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(params=ORDER)
def walls(request: pytest.FixtureRequest) -> Sandbox:
    """Each of the providers that is here."""
    return sandbox_or_skip(request.param)
