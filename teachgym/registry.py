"""One way to name a part of any kind: task, student, engine, reward, teacher, suite and so on.

A part is named by

* a built-in name, such as ``gsm8k``;
* the name of an entry point: a package that declares ``[project.entry-points."teachgym.tasks"]``
  (one group a kind, see ``Registry.group``) is found as soon as it is installed;
* ``module:attribute`` or ``file.py:attribute``;

or handed over as an object. What is found is imported when it is used. A class or function makes
the part, and its arguments are the part's settings; anything else is the part itself.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from numbers import Number
from operator import attrgetter
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np
from typing_extensions import get_protocol_members

from teachgym.errors import (
    ConfigError,
    TeachgymError,
    UnknownNameError,
    require_packages,
    unknown,
)
from teachgym.settings import REQUIRED, check_settings, settings_of, within

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

CheckService = Callable[[Any, str], None]
"""Called with a service, which may be None, and who cannot do without; raises if it will not do."""

OBJECT = "object:"
"""The beginning of a recorded name that stands for an object which no name leads to."""


class Registry(Mapping[str, Any]):
    """The parts of one kind; as a mapping, the built-in names and the place of each.

    Args:
        kind: what a part is called in messages, such as ``task``.
        parts: built-in name to ``module:attribute``, or to the part.
        given: names of what a maker is called with before its settings, for messages and docs.
        services: arguments that a maker gets if it has parameters of these names, which are no
            settings; with what refuses a value where a maker cannot do without one, None = nothing.
        extras: built-in name to the extra that it needs, and packages of that extra.
        functions: whether functions are parts themselves, and only classes make some.
        base: the base class whose members every part has.

    Example:
        >>> colours = Registry("colour", {"red": "colorsys:rgb_to_hsv"}, given=("r", "g", "b"))
        >>> colours.make("red", 1, 0, 0), colours.origin("red")
        ((0.0, 1.0, 1), 'built-in')
    """

    def __init__(
        self,
        kind: str,
        parts: Mapping[str, Any],
        *,
        given: Sequence[str] = (),
        services: Mapping[str, CheckService | None] = MappingProxyType({}),
        extras: Mapping[str, tuple[str, ...]] | None = None,
        functions: bool = False,
        base: type = object,
    ) -> None:
        self.kind, self.given, self.services = kind, tuple(given), services
        self._base = base
        self._parts, self._extras, self._functions = dict(parts), dict(extras or {}), functions

    def __getitem__(self, name: str) -> Any:
        """The entry under a built-in name."""
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        """The built-in names."""
        return iter(self._parts)

    def __len__(self) -> int:
        """The number of built-in names."""
        return len(self._parts)

    @property
    def group(self) -> str:
        """The entry point group of this kind, such as ``teachgym.chat_providers``."""
        kind = self.kind.replace(" ", "_")
        others = {"s": f"{kind}es", "x": f"{kind}es", "y": f"{kind[:-1]}ies"}
        return f"teachgym.{others.get(kind[-1], f'{kind}s')}"

    @property
    def names(self) -> tuple[str, ...]:
        """The built-in names, then those of entry points, which cannot replace a built-in."""
        others = sorted(e.name for e in _installed() if e.group == self.group)
        return tuple(dict.fromkeys([*self._parts, *others]))

    def load(self, reference: Any) -> Any:
        """Import the part or its maker.

        Raises:
            UnknownNameError: for what names nothing.
            ConfigError: for a module, file or attribute that is not there.
            MissingExtraError: if a package that a built-in part needs is not installed.
        """
        if not isinstance(reference, str):
            if reference is None or isinstance(reference, bool | int | float | list | dict | tuple):
                raise self.unknown(reference)
            return reference
        if reference in self._parts:
            require_packages(*self._extras.get(reference, ("",)))
            part = self._parts[reference]
            return load_attribute(part) if isinstance(part, str) else part
        if reference.startswith(OBJECT):
            raise ConfigError(
                f"{self.kind} was handed over as an object ({reference.removeprefix(OBJECT)}), "
                "which no name leads to; name it as module:attribute or file.py:attribute instead"
            )
        if (entry := self._entry_point(reference)) is not None:
            with within(f"{self.what(reference)} ({self.origin(reference)})"):
                return load_attribute(f"{entry.module}:{entry.attr}")
        if is_reference(reference):
            return load_attribute(reference)
        raise self.unknown(reference)

    def unknown(self, reference: Any) -> UnknownNameError:
        """The error for an unknown name: a suggestion, the known names, and the other forms."""
        if isinstance(reference, str) and reference.endswith(".py"):
            return UnknownNameError(
                f"{self.kind} {reference!r} is a file; name what is meant in it, as in "
                f"{reference}:Mine"
            )
        known = unknown(self.kind, reference, self.names)
        return UnknownNameError(f"{known}, module:attribute or file.py:attribute")

    def make(
        self,
        reference: Any,
        *given: Any,
        settings: Mapping[str, Any] | None = None,
        **services: Any,
    ) -> Any:
        """Make the part from its settings.

        Args:
            reference: names the part, or is it.
            given: one argument for each of ``Registry.given``.
            settings: checked against the maker's arguments before it is called.
            services: handed to makers that have a parameter of that name; None = not there.

        Raises:
            UnknownNameError, ConfigError, MissingExtraError: as ``load`` and ``check``.
                ConfigError too for what lacks members of the base class.
        """
        settings, part = settings or {}, self.load(reference)
        settings = self.check(reference, settings, services=services)
        if not self.makes(part):
            return self._require_base(reference, part)
        takes = inspect.signature(part).parameters
        offered = {k: v for k, v in services.items() if k in takes and v is not None}
        with noting(f"{self.what(reference)} ({self.origin(reference)})"):
            made = part(*given, **offered, **settings)
        return self._require_base(reference, made)

    def _require_base(self, reference: Any, part: Any) -> Any:
        """The part, if it has every member of the base class of its kind."""
        # What derives from the base has its members; isinstance would read its properties.
        if self._base not in type(part).__mro__ and not isinstance(part, self._base):
            base = f"{self._base.__module__}.{self._base.__name__}"
            missing = sorted(get_protocol_members(self._base) - set(dir(part)))
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise ConfigError(
                f"{self.what(reference)} is of type {type(part).__name__}, which lacks "
                f"{', '.join(missing[:5])}{more}; derive from {base}, or write what is missing"
            )
        return part

    def check(
        self,
        reference: Any,
        settings: Mapping[str, Any],
        *,
        whole: bool = True,
        services: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """The settings as the part takes them, checked without making it; raises like ``make``.

        Args:
            reference: names the part, or is it.
            settings: of the part.
            whole: whether none of them may be missing.
            services: what the part would be given; None = not known yet.
        """
        part, what = self.load(reference), self.what(reference)
        if self.makes(part):
            takes = inspect.signature(part).parameters.values()
            if sum(p.kind in _POSITIONAL for p in takes) < len(self.given) and not any(
                p.kind is p.VAR_POSITIONAL for p in takes
            ):
                raise ConfigError(f"{what} must take {', '.join(self.given)} before its settings")
            settings = check_settings(
                what, settings, part, but=self._no_settings(part), whole=whole
            )
            for name, suits in self.services.items():
                if services is not None and suits is not None and self.requires(reference, name):
                    suits(services.get(name), what)
        elif settings:
            first = next(iter(settings))
            raise ConfigError(f"{what} is ready made and has no settings; {first!r} was given")
        return settings

    def settings(self, reference: Any) -> dict[str, Any]:
        """The settings of a part with their defaults; ``settings.REQUIRED`` for those without."""
        part = self.load(reference)
        return settings_of(part, but=self._no_settings(part)) if self.makes(part) else {}

    def takes(self, reference: Any, service: str) -> bool:
        """Whether a maker has a parameter of that name."""
        return service in self._parameters(reference)

    def requires(self, reference: Any, service: str) -> bool:
        """Whether a maker has a parameter of that name and no default for it."""
        takes = self._parameters(reference)
        return service in takes and takes[service].default is REQUIRED

    def _parameters(self, reference: Any) -> Mapping[str, inspect.Parameter]:
        part = self.load(reference)
        return inspect.signature(part).parameters if self.makes(part) else {}

    def describe(self, name: str) -> str:
        """The first line of the docstring of a part, whose packages need not be there."""
        part = self._parts.get(name, name)
        return summary(load_attribute(part) if is_reference(str(part)) else self.load(part))

    def origin(self, reference: Any) -> str:
        """The origin of a part: built-in, an installed package, a file, a module, an object."""
        if not isinstance(reference, str):
            return "object"
        if reference in self._parts:
            return "built-in"
        if (entry := self._entry_point(reference)) is not None:
            return f"entry point of {entry.dist.name} {entry.dist.version}" if entry.dist else "?"
        return f"{'file' if _in_file(reference) else 'module'} {reference.rpartition(':')[0]}"

    def what(self, reference: Any) -> str:
        """The part in a message, such as ``task 'gsm8k'``."""
        return (
            f"{self.kind} {reference if isinstance(reference, str) else reference_of(reference)!r}"
        )

    def makes(self, part: Any) -> bool:
        """Whether the object makes parts and is not a part itself."""
        return isinstance(part, type) or (callable(part) and not self._functions)

    def _no_settings(self, part: Any) -> set[str]:
        """The arguments of a maker that are no settings."""
        first = list(inspect.signature(part).parameters)[: len(self.given)]
        return {*first, *self.services}

    def _entry_point(self, name: str) -> EntryPoint | None:
        return next((e for e in _installed() if e.group == self.group and e.name == name), None)


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """All parts that installed packages offer; to look, the metadata of every package is read."""
    entries = (entry for found in distributions() for entry in found.entry_points)
    return tuple(entry for entry in entries if entry.group.startswith("teachgym."))


# -- references --------------------------------------------------------------------------------


def summary(documented: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "")


def is_reference(text: str) -> bool:
    """Whether a text has the form ``module:attribute`` or ``file.py:attribute``.

    Example:
        >>> [is_reference(text) for text in ("a.b:C", "~/my.py:C", "C", "http://localhost:80")]
        [True, True, False, False]
    """
    place, _, attribute = text.rpartition(":")
    return _dotted(attribute) and (place.endswith(".py") or _dotted(place))


def load_attribute(reference: str) -> Any:
    """Load the object that ``module:attribute`` or ``file.py:attribute`` names.

    Raises:
        ConfigError: for a module, file or attribute that is not there. What goes wrong inside of
            it is raised as it is.
    """
    place, _, attribute = reference.rpartition(":")
    module = _load_file(Path(place)) if _in_file(reference) else _load_module(place)
    try:
        return attrgetter(attribute)(module)
    except AttributeError:
        own = [name for name, value in vars(module).items() if _is_own(module, name, value)]
        raise ConfigError(unknown(f"attribute of {place}", attribute, own)) from None


def reference_of(part: Any) -> str:
    """The name of an object: a reference to it, or else ``object:`` and its type."""
    if isinstance(part, type | FunctionType) and "<" not in part.__qualname__:
        module = sys.modules.get(part.__module__)
        if part.__module__.startswith(_PREFIX):
            return f"{getattr(module, '__file__', '')}:{part.__qualname__}"
        if part.__module__ != "__main__":
            return f"{part.__module__}:{part.__qualname__}"
    kind = part if isinstance(part, type | FunctionType) else type(part)
    return f"{OBJECT}{kind.__module__}.{kind.__qualname__}"


def label(reference: Any) -> str:
    """A short name of a part, for titles and folders.

    Example:
        >>> [label(name) for name in ("alp", "lab/mine.py:Halfway", "object:mine.Halfway")]
        ['alp', 'Halfway', 'Halfway']
    """
    name = reference if isinstance(reference, str) else reference_of(reference)
    if name.startswith(OBJECT):
        return name.rpartition(".")[2]
    return name.rpartition(":")[2] if is_reference(name) else name


def recorded(value: Any) -> Any:
    """Settings as JSON values: objects by name, files by full path, enums by value."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        place, _, attribute = value.rpartition(":")
        return f"{Path(place).expanduser().resolve()}:{attribute}" if _in_file(value) else value
    if isinstance(value, Mapping):
        return {recorded(key): recorded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(recorded, value))
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, Number):
        return value
    if isinstance(value, Path):
        return str(value)
    return reference_of(value)


def sources(names: Iterable[str]) -> dict[str, Path]:
    """The source files behind references and entry points, found without importing them.

    Left out are teachgym's own, and what is no such name.
    """
    installed = {entry.name: entry.value for entry in reversed(_installed())}
    found = {name: _source(installed.get(name, name)) for name in names}
    return {name: path for name, path in found.items() if path is not None}


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Add a note to an error from user code that says in which part it was raised."""
    try:
        yield
    except TeachgymError:
        raise
    except Exception as error:
        error.add_note(f"raised inside {what}")
        raise


_PREFIX = "teachgym_file_"
"""The beginning of the names of modules that were loaded from files."""


def _is_own(module: ModuleType, name: str, value: Any) -> bool:
    """Whether a module offers something that it defines itself."""
    return not name.startswith("_") and getattr(value, "__module__", "") == module.__name__


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _in_file(text: str) -> bool:
    place, _, attribute = text.rpartition(":")
    return place.endswith(".py") and _dotted(attribute)


def _source(reference: str) -> Path | None:
    place = reference.rpartition(":")[0]
    if _in_file(reference):
        return Path(place).expanduser()
    if not is_reference(reference) or place.split(".")[0] == "teachgym":
        return None
    try:
        spec = find_spec(place)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _load_module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # Something that the module itself imports.
        raise ConfigError(
            f"there is no module {error.name!r}; give file.py:attribute, or install the package"
        ) from None


def _load_file(path: Path) -> ModuleType:
    """The module in a file, under a name of its own; loaded again when the file has changed."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}; give file.py:attribute")
    digest = sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]
    name = f"{_PREFIX}{path.stem}_{digest}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
