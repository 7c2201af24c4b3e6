"""``teachgym new``: a file with a part of one's own to start from, and a test beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

from teachgym.errors import ConfigError, UnknownNameError, require_known


@dataclass(frozen=True, slots=True)
class Start:
    """A kind of part; its file and its test are templates in the folder ``starts``.

    In all texts ``$name``, ``$module`` and ``$attribute`` are filled in.
    """

    attribute: str
    """The name of the class or function: ``$camel`` is the part's name as that of a class."""
    command: str
    """The command to run next."""


STARTS: Mapping[str, Start] = {
    "teacher": Start("$camel", "teachgym run --student simulated --teacher $module.py:$attribute"),
    "task": Start("$camel", "teachgym run --student simulated --task $module.py:$attribute"),
    "suite": Start("${module}_suite", "teachgym bench $module.py:$attribute"),
}
"""Kind to what it begins with."""


def start(kind: str, name: str, folder: Path) -> tuple[tuple[Path, Path], str]:
    """Write a part of one's own and its test into a folder; returns the files and a command.

    Raises:
        UnknownNameError: for a kind that is not in ``STARTS``.
        ConfigError: for a name that is none in Python, or a file that is there already.
    """
    require_known("kind", [kind], STARTS, UnknownNameError)
    module = name.replace("-", "_")
    if not (module.isidentifier() and module.isascii() and module == module.lower()):
        raise ConfigError(f"name is {name!r}; it must be lower-case letters, digits, - and _")
    camel = "".join(word.capitalize() for word in module.split("_"))
    filled = {"name": name, "module": module, "camel": camel}
    filled["attribute"] = Template(STARTS[kind].attribute).substitute(filled)
    paths = folder / f"{module}.py", folder / f"test_{module}.py"
    for path in paths:
        if path.exists():
            raise ConfigError(f"{path} is there already; give another name, or move it away")
    if iskeyword(module) or find_spec(module) is not None:
        raise ConfigError(f"name is {name!r}, which Python has for something else; give another")
    for path, template in zip(paths, (f"{kind}.py.txt", f"test_{kind}.py.txt"), strict=True):
        text = (files("teachgym.cli") / "starts" / template).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(filled), encoding="utf-8")
    return paths, Template(STARTS[kind].command).substitute(filled)
