"""``teachgym doctor``: what is here, what is not, and what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from teachgym import __version__
from teachgym.cache import cache_folder
from teachgym.errors import TeachgymError, describe_os_error
from teachgym.runs.files import check_writable

_NOT_FOR_USERS = ("dev", "docs")
"""Extras of those who work on teachgym itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at."""

    what: str
    found: str
    state: Literal["ok", "absent", "wrong"] = "ok"
    """``absent``: needed for some of what teachgym does; ``wrong``: for all of it."""
    advice: str = ""
    """What to do about it."""


def examine() -> Iterator[Finding]:
    """Look at everything, the quickest first."""
    yield Finding("teachgym", f"{__version__}, {Path(__file__).parents[1]}")
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}")
    yield Finding("system", platform.platform())
    requirements = [Requirement(text) for text in metadata.requires("teachgym") or ()]
    yield from required(requirements)
    yield from extras(requirements, metadata.metadata("teachgym").get_all("Provides-Extra") or ())
    yield _threads()
    yield _writable("working folder", Path())
    yield _writable("cache", cache_folder(""))
    yield _key("OPENAI_API_KEY")
    yield _gpu()
    yield _sandbox()


def required(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    """Whether every package is there that nothing works without, in a version that does."""
    needed = [r for r in requirements if _applies(r, "")]
    wrong = [(r, fault) for r in needed if (fault := fault_of(r, _version(r.name)))]
    for requirement, fault in wrong:
        advice = f"pip install '{requirement.name}{requirement.specifier}'"
        yield Finding(requirement.name, fault, "wrong", advice)
    if not wrong:
        yield Finding("required packages", f"all {len(needed)}")


def extras(requirements: Sequence[Requirement], names: Iterable[str]) -> Iterator[Finding]:
    """Which extras are installed, those they consist of included."""
    for name in names:
        if name in _NOT_FOR_USERS:
            continue
        needed = list(_packages(requirements, name))
        faults = [f"{r.name}: {f}" for r in needed if (f := fault_of(r, _version(r.name)))]
        what, advice = f"extra {name}", f"pip install 'teachgym[{name}]'"
        if faults:
            yield Finding(what, "; ".join(faults), "absent", advice)
        else:
            yield Finding(what, ", ".join(f"{r.name} {_version(r.name)}" for r in needed))


def fault_of(requirement: Requirement, version: str | None) -> str:
    """What is wrong with an installed version; empty if nothing is.

    Example:
        >>> [fault_of(Requirement("torch>=2.9"), version) for version in ("2.8.1", "2.13.0")]
        ['2.8.1, wanted is >=2.9', '']
    """
    if version is None:
        return "not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{version}, wanted is {requirement.specifier}"


def _packages(requirements: Sequence[Requirement], extra: str) -> Iterator[Requirement]:
    """What an extra adds; where it names other extras, what these add."""
    for requirement in requirements:
        if _applies(requirement, extra) and not _applies(requirement, ""):
            if requirement.name == "teachgym":
                for inner in sorted(requirement.extras):
                    yield from _packages(requirements, inner)
            else:
                yield requirement


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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
    return Finding(name, "not set", "absent", "set it for teachers behind that server")


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
