"""``teachgym doctor``: check the machine, and say how to mend each fault."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from teachgym import __version__
from teachgym.cache import cache_folder
from teachgym.cli.requirements import (
    declared,
    fault_of,
    installed,
    of_extra,
    remedy,
    required,
)
from teachgym.errors import TeachgymError, describe_os_error
from teachgym.runs.files import check_writable

_NOT_FOR_USERS = ("dev", "docs")
"""Extras of those who work on teachgym itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    what: str
    found: str
    state: Literal["ok", "absent", "wrong"] = "ok"
    """``absent``: needed for some of what teachgym does; ``wrong``: for all of it."""
    advice: str = ""
    """The remedy; empty if none is needed."""


def examine() -> Iterator[Finding]:
    """Look at everything, the quickest first."""
    yield Finding("teachgym", f"{__version__}, {Path(__file__).parents[1]}")
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}")
    yield Finding("system", platform.platform())
    requirements = declared()
    yield from required_packages(requirements)
    yield from extras(requirements, metadata.metadata("teachgym").get_all("Provides-Extra") or ())
    yield _threads()
    yield _writable("working folder", Path())
    yield _writable("cache", cache_folder(""))
    yield _key("OPENAI_API_KEY")
    yield _gpu()
    yield _sandbox()


def required_packages(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    """A line for each package that teachgym cannot do without: its version, and the one needed."""
    for requirement in required(requirements):
        version = installed(requirement.name)
        if fault := fault_of(requirement, version):
            yield Finding(requirement.name, fault, "wrong", remedy(requirement))
        else:
            bounds = f" (needs {requirement.specifier})" if requirement.specifier else ""
            yield Finding(requirement.name, f"{version}{bounds}")


def extras(requirements: Sequence[Requirement], names: Sequence[str]) -> Iterator[Finding]:
    """A line for each extra: the versions of its packages, or what is wrong with them."""
    for name in names:
        if name in _NOT_FOR_USERS:
            continue
        needed = [(r, installed(r.name)) for r in of_extra(requirements, name)]
        faults = [f"{r.name} {fault}" for r, version in needed if (fault := fault_of(r, version))]
        what, advice = f"extra {name}", f"pip install 'teachgym[{name}]'"
        if faults:
            yield Finding(what, "; ".join(faults), "absent", advice)
        else:
            yield Finding(what, ", ".join(f"{r.name} {version}" for r, version in needed))


def _threads() -> Finding:
    """Small models are slowed down by threads that wait for each other."""
    cores, given = os.cpu_count() or 1, os.environ.get("OMP_NUM_THREADS", "not set")
    return Finding("threads", f"{cores} cores; OMP_NUM_THREADS {given} (commands use --threads 1)")


def _writable(what: str, folder: Path) -> Finding:
    """Whether a folder takes files, or can be made where it would be."""
    place = folder.absolute()
    try:
        check_writable(place)
    except OSError as error:
        advice = "set TEACHGYM_CACHE to another folder" if what == "cache" else "work elsewhere"
        return Finding(what, describe_os_error(error), "wrong", advice)
    return Finding(what, f"{place}, can be written to")


def _key(name: str) -> Finding:
    """Whether a key is set; never what it is."""
    if os.environ.get(name):
        return Finding(name, "set")
    return Finding(name, "not set", "absent", "teachers that ask OpenAI need it")


def _gpu() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("GPU", f"torch cannot be imported: {error}", "wrong", "reinstall torch")
    if not torch.cuda.is_available():
        return Finding("GPU", "none that torch can use; students run on the CPU", "absent")
    count = range(torch.cuda.device_count())
    return Finding("GPU", ", ".join(torch.cuda.get_device_name(number) for number in count))


def _sandbox() -> Finding:
    """The provider that holds; it starts a worker and lets it run a program."""
    from teachgym.sandbox import open_sandbox

    try:
        return Finding("sandbox", open_sandbox().provider)
    except TeachgymError as error:
        return Finding(
            "sandbox", str(error), "absent", "needed by tasks whose answers are programs"
        )
