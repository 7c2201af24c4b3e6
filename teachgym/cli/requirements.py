"""The packages that teachgym declares it needs, and whether the installed ones will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from teachgym.errors import VersionError


def declared() -> list[Requirement]:
    """All requirements in the metadata of the installed teachgym, those of extras included."""
    return [Requirement(text) for text in metadata.requires("teachgym") or ()]


def required(requirements: Sequence[Requirement]) -> Iterator[Requirement]:
    """The requirements that hold on this machine without any extra."""
    return (requirement for requirement in requirements if _applies(requirement, ""))


def of_extra(requirements: Sequence[Requirement], extra: str) -> Iterator[Requirement]:
    """The requirements that an extra adds; an extra named in it is replaced by its own."""
    for requirement in requirements:
        if _applies(requirement, extra) and not _applies(requirement, ""):
            if requirement.name == "teachgym":
                for inner in sorted(requirement.extras):
                    yield from of_extra(requirements, inner)
            else:
                yield requirement


def installed(package: str) -> str | None:
    """The installed version of a package; None if it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def fault_of(requirement: Requirement, version: str | None) -> str:
    """Say what is wrong with an installed version; empty if nothing is.

    A pre-release counts as the release that it leads to, so that a nightly build is accepted.

    Example:
        >>> [fault_of(Requirement("torch>=2.9"), v) for v in ("2.8.1", "2.9.0a0+cu13", None)]
        ['2.8.1; teachgym needs >=2.9', '', 'not installed; teachgym needs >=2.9']
    """
    wanted = f"teachgym needs {requirement.specifier or 'any version'}"
    if version is None:
        return f"not installed; {wanted}"
    release = Version(version).base_version
    if any(requirement.specifier.contains(v, prereleases=True) for v in (version, release)):
        return ""
    return f"{version}; {wanted}"


def remedy(requirement: Requirement) -> str:
    """The command that installs a version that will do."""
    return f"pip install '{requirement.name}{requirement.specifier}'"


def require_versions() -> None:
    """Check every package that teachgym cannot do without.

    Raises:
        VersionError: for the first that is absent or has another version than teachgym needs.
    """
    for requirement in required(declared()):
        if fault := fault_of(requirement, installed(requirement.name)):
            raise VersionError(f"{requirement.name} is {fault}: {remedy(requirement)}")


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
