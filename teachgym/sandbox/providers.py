"""The outer sandbox, which keeps a process from files, network and environment.

A provider says how to start an interpreter inside of its walls. Whether they stand is tried
(``teachgym.sandbox.process``), not believed. The inner wall (``syscalls``) is the same behind all.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from teachgym.errors import ConfigError, require_packages
from teachgym.registry import Registry
from teachgym.shown import shown

ORDER = ("sandlock", "bubblewrap")
"""The providers that are tried for ``auto``, the first that holds is used."""


@runtime_checkable
class Provider(Protocol):
    """A provider of sandboxes for processes."""

    @property
    def name(self) -> str:
        """Name and version, for records."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that starts Python with these arguments inside the sandbox.

        The streams 0, 1 and 2 of the command are those of the interpreter.

        Raises:
            ConfigError, MissingExtraError: if what it needs is not there.
        """


class Sandlock(Provider):
    """Landlock and seccomp, without root or namespaces: https://github.com/multikernel/sandlock.

    Needs the package ``sandlock`` (extra ``code``) and Linux 6.7 or newer. The interpreter and the
    system's libraries can be read, nothing can be written, and there is no network.
    """

    _LAUNCH = (
        "import json, sys; from sandlock import Sandbox; "
        "walls = Sandbox(fs_readable=json.loads(sys.argv[1]), clean_env=True); "
        "sys.exit(walls.run_interactive(sys.argv[2:]))"
    )

    @property
    def name(self) -> str:
        """``sandlock`` and its version."""
        return f"sandlock {version('sandlock')}"

    def command(self, arguments: Sequence[str]) -> list[str]:
        """A launcher of its own, so that no thread of sandlock's runs in this process."""
        require_packages("code", "sandlock")
        python = _interpreter()
        readable = json.dumps([path for path in _libraries() if Path(path).exists()])
        return [sys.executable, "-I", "-c", self._LAUNCH, readable, python, *arguments]


class Bubblewrap(Provider):
    """Namespaces of one's own, by the program ``bwrap`` of the package bubblewrap.

    Fails where users may not have namespaces, such as in most containers.
    """

    @property
    def name(self) -> str:
        """``bubblewrap``; the program says its version only by being run."""
        return "bubblewrap"

    def command(self, arguments: Sequence[str]) -> list[str]:
        """``bwrap`` with nothing shared and everything read-only."""
        program = shutil.which("bwrap")
        if program is None:
            raise ConfigError("there is no program bwrap; install it with: apt install bubblewrap")
        walls = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        bound = [part for path in _libraries() for part in ("--ro-bind-try", path, path)]
        last = ["--clearenv", "--remount-ro", "/"]
        return [program, *walls, *bound, *last, "--", _interpreter(), *arguments]


class Command(Provider):
    """A user's command that starts ``python3`` in a sandbox, such as a container.

    Args:
        words: for example ``["docker", "run", "--rm", "-i", "--network=none", "--read-only",
            "python:3.11-slim"]``; ``python3`` and its arguments are added.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    @property
    def name(self) -> str:
        """The command itself."""
        return f"command {' '.join(self._words)}"

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command, with the interpreter and its arguments at its end."""
        if not self._words or shutil.which(self._words[0]) is None:
            raise ConfigError(f"sandbox is {shown(self._words)}; there is no such program")
        return [*self._words, "python3", *arguments]


PROVIDERS = Registry(
    "sandbox",
    {
        "sandlock": "teachgym.sandbox.providers:Sandlock",
        "bubblewrap": "teachgym.sandbox.providers:Bubblewrap",
    },
    base=Provider,
)
"""Every provider, called without arguments."""


def providers(named: Any) -> list[Provider]:
    """The providers to try: for ``auto`` all of ``ORDER``, for a list of texts that command.

    Raises:
        UnknownNameError: for what names no provider.
    """
    if named == "auto":
        return [PROVIDERS.make(name) for name in ORDER]
    if isinstance(named, list | tuple):
        return [Command([str(word) for word in named])]
    return [PROVIDERS.make(named)]


def _interpreter() -> str:
    """The interpreter that a virtual environment was made of."""
    here = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    return str(here if here.exists() else Path(sys.executable).resolve())


def _libraries() -> list[str]:
    """The paths that an interpreter needs to read, and no more."""
    return list(dict.fromkeys([sys.base_prefix, "/usr", "/lib", "/lib64"]))
