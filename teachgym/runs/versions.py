"""Versions of the software that a run was made with: enough to set it up again."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import teachgym

PACKAGES = ("numpy", "gymnasium", "torch", "transformers", "safetensors", "scikit-learn")
"""Packages whose version can change a result."""


def versions(*more: str) -> dict[str, str | None]:
    """Version of teachgym, Python, ``PACKAGES`` and ``more``; None where one is not installed."""
    found: dict[str, str | None] = {
        "teachgym": teachgym.__version__,
        "python": platform.python_version(),
    }
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def commit(folder: Path | None = None) -> str | None:
    """The commit of teachgym's checkout, with ``-dirty`` after changes; None outside of one.

    ``folder`` is looked at instead of the package's own; it must hold a tracked ``__init__.py``,
    so the repository of a project that merely has teachgym installed in it is not mistaken for it.
    """
    here = folder or Path(teachgym.__file__).parent
    if _git(here, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git(here, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
