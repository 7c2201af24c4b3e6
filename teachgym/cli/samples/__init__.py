"""Sample files of runs for usual cases, one TOML file each; ``teachgym samples`` prints them."""

from __future__ import annotations

from importlib.resources import files

from teachgym.errors import UnknownNameError, require_known

_FILES = {
    path.name.removesuffix(".toml"): path
    for path in sorted(files(__name__).iterdir(), key=lambda path: path.name)
    if path.name.endswith(".toml")
}
SAMPLES = {
    name: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    for name, path in _FILES.items()
}
"""Name to what the file is for, its first line."""


def read_sample(name: str) -> str:
    """The text of a sample.

    Raises:
        UnknownNameError: for a name that is not in ``SAMPLES``.
    """
    require_known("sample", [name], SAMPLES, UnknownNameError)
    return _FILES[name].read_text(encoding="utf-8")
