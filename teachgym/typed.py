"""Settings that come from JSON or a command line fit what their fields and arguments declare.

A declaration is an annotation: a type, or ``Annotated[type, Interval(...)]`` of ``annotated_types``
with the range. Numbers are finite everywhere, true and false are no numbers, and what has a name
that is nearly right is told the right one.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from urllib.parse import urlsplit

from annotated_types import Interval

from teachgym.errors import ConfigError, unknown
from teachgym.shown import shown

T = TypeVar("T")

REQUIRED = inspect.Parameter.empty
"""Stands for the default of a setting that has none."""

MAX_DEPTH = 32
"""Tables and lists within each other."""
MAX_TEXT = 100_000
"""Characters of a text."""
MAX_INT = 2**63 - 1
"""What arrays, databases and random generators take for an integer."""

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    NoneType: "nothing",
    Mapping: "a table of settings",
}
_LISTS = (Sequence, Collection, tuple, list)


@dataclass(frozen=True)
class Takes:
    """What one of a count takes, for the message that refuses too many: bytes or seconds."""

    amount: float
    unit: Literal["bytes", "seconds"]


def require_types(settings: object) -> None:
    """Check the fields of a dataclass of plain values.

    Raises:
        ConfigError: for the first value of another type or out of its range, with what it must be.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Length:
        ...     metres: int | None
        >>> require_types(Length("two"))
        Traceback (most recent call last):
        ...
        teachgym.errors.ConfigError: metres is 'two'; it must be an integer or nothing
    """
    for name, hint in _hints(cast(Any, type(settings))).items():
        check_value(name, getattr(settings, name), hint)


def check_value(name: str, value: Any, hint: Any) -> None:
    """Raise ``ConfigError`` if ``value`` is not what ``hint``, an annotation, declares.

    Example:
        >>> check_value("share", 2, Annotated[float, Interval(ge=0, le=1)])
        Traceback (most recent call last):
        ...
        teachgym.errors.ConfigError: share is 2; it must be in [0, 1]
    """
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    fitting = [kind for kind in kinds if _is_of(value, kind)]
    if not fitting:
        words = dict.fromkeys(_describe(kind) for kind in kinds)
        raise ConfigError(f"{name} is {shown(value)}; it must be {' or '.join(words)}")
    _check_within(name, value, fitting[0])


def settings_of(*makers: Callable[..., Any], but: Collection[str] = ()) -> dict[str, Any]:
    """Settings of functions or classes with their defaults; ``REQUIRED`` for those without."""
    return {
        name: parameter.default
        for maker in makers
        for name, parameter in inspect.signature(maker).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in but
    }


def check_settings(
    what: str,
    settings: Mapping[str, Any],
    *makers: Callable[..., Any],
    but: Collection[str] = (),
    whole: bool = True,
) -> None:
    """Check settings against the arguments of the functions or classes that take them.

    Args:
        what: whose settings they are, such as ``task 'gsm8k'``.
        settings: by name.
        makers: take them; a ``**settings`` is for the next maker, and in the last one for anything.
        but: arguments that are no settings.
        whole: whether none may be missing.

    Raises:
        ConfigError: for one that does not exist, is missing, of another type or out of range.
    """
    known = settings_of(*makers, but=but)
    hints = {name: hint for maker in makers for name, hint in _hints(maker).items()}
    check_value(f"settings of {what}", settings, Mapping[str, Any])
    for name, value in settings.items():
        if name in known:
            check_value(name, value, hints.get(name, Any))
        elif not _takes_all(makers[-1]):
            if not known:
                raise ConfigError(f"{what} has no settings; {name!r} was given")
            raise ConfigError(unknown(f"setting of {what}", name, known))
    for name, default in known.items():
        if whole and default is REQUIRED and name not in settings:
            raise ConfigError(f"{what} needs the setting {name!r}; give it a value")


def build(
    what: str, maker: Callable[..., T], *given: Any, settings: Mapping[str, Any], **services: Any
) -> T:
    """``maker(*given, **services, **settings)``, if the settings are what it takes.

    Args:
        what: is built, for messages.
        maker: a class or function.
        given: its first arguments.
        settings: checked as ``check_settings`` does.
        services: further arguments, which are no settings.
    """
    first = list(inspect.signature(maker).parameters)[: len(given)]
    check_settings(what, settings, maker, but=(*first, *services))
    return maker(*given, **services, **settings)


def require_address(name: str, value: str) -> None:
    """Raise ``ConfigError`` for what is no address of a server, ``http://host:port/path``.

    Only what is wrong is told, never the value: there may be a password in it.
    """
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises for one that is no number
        fault = "" if right and value.isprintable() and " " not in value else "it is none"
    except ValueError as error:
        fault = str(error)
    if fault:
        raise ConfigError(
            f"{name} is no address of a server ({fault}); it must begin with http:// or https:// "
            "and name a host, as in http://localhost:8000/v1"
        )


# -- what is declared --------------------------------------------------------------------------


@cache
def _hints(maker: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of the fields of a dataclass, or else of the arguments."""
    declared = hasattr(maker, "__dataclass_fields__") or not isinstance(maker, type)
    source = maker if declared else maker.__init__
    hints = get_type_hints(inspect.unwrap(source), include_extras=True)
    return {name: hint for name, hint in hints.items() if name != "return"}


def _takes_all(maker: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(maker).parameters.values())


def _parts(kind: Any) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
    """The type without its arguments; the type; its arguments; what is annotated."""
    notes: tuple[Any, ...] = ()
    if get_origin(kind) is Annotated:
        kind, *others = get_args(kind)
        notes = tuple(others)
    return get_origin(kind) or kind, kind, get_args(kind), notes


def _describe(kind: Any) -> str:
    origin, _, arguments, _ = _parts(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in _LISTS:
        items = {float: "numbers", int: "integers", str: "texts"}
        item = _parts(arguments[0])[0] if arguments else str
        return f"a list of {items.get(item, 'values')}"
    return _WORDS.get(origin) or f"a {getattr(origin, '__name__', origin)}"


# -- whether a value fits ----------------------------------------------------------------------


def _is_of(value: Any, kind: Any) -> bool:
    """Whether the value is of the type; what is in it, and its range, are checked later."""
    origin, _, arguments, _ = _parts(kind)
    if origin in (int, float):
        number = Integral if origin is int else Real
        return isinstance(value, number) and not isinstance(value, bool)
    if origin is Literal:
        return isinstance(value, tuple({type(choice) for choice in arguments}))
    if origin in _LISTS:
        return isinstance(value, list | tuple)
    if origin in (Any, object) or not isinstance(origin, type) or _is_protocol(origin):
        return True
    return isinstance(value, origin)


def _is_protocol(origin: type) -> bool:
    """A seam; what stands behind it is for its conformance check. A typed dictionary is open."""
    return getattr(origin, "_is_protocol", False) or is_typeddict(origin)


def _check_within(name: str, value: Any, kind: Any) -> None:
    """Check range, choice and what a value is made of; it is of the type."""
    origin, _, arguments, notes = _parts(kind)
    if origin in (int, float):
        _check_number(name, value, notes)
    elif origin is Literal:
        if value not in arguments:
            raise ConfigError(unknown(name, value, arguments))
    elif origin is str:
        _check_text(name, value)
    elif origin in _LISTS and arguments:
        _check_items(name, value, origin, arguments)
    elif isinstance(value, Mapping):
        _check_table(name, value, arguments)
    _check_depth(name, value)


def _check_number(name: str, value: Any, notes: Sequence[Any]) -> None:
    limits = next((note for note in notes if isinstance(note, Interval)), Interval())
    integral = isinstance(value, Integral)
    if not integral and not math.isfinite(value):
        within = describe(limits) if limits != Interval() else "finite"
        raise ConfigError(f"{name} is {value!r}; it must be a number, {within}")
    low_enough = limits.le is None or value <= limits.le, limits.lt is None or value < limits.lt
    high_enough = limits.ge is None or value >= limits.ge, limits.gt is None or value > limits.gt
    if not all(low_enough + high_enough) or abs(value) > (MAX_INT if integral else math.inf):
        takes = [note for note in notes if isinstance(note, Takes)]
        size = f"; it would take about {_size(value, takes[0])}" if takes and value > 0 else ""
        raise ConfigError(f"{name} is {shown(value)}; it must be {describe(limits)}{size}")


def describe(limits: Interval) -> str:
    """A range in words.

    Example:
        >>> describe(Interval(ge=0, lt=1)), describe(Interval(gt=0)), describe(Interval(ge=1))
        ('in [0, 1)', 'above 0', '1 or more')
        >>> describe(Interval(ge=1, le=1_000_000))
        '1 or more, and at most 1,000,000'
    """
    low = limits.ge if limits.ge is not None else limits.gt
    high: Any = limits.le if limits.le is not None else limits.lt
    if low is None:
        return f"within ±{MAX_INT:,}" if high is None else f"at most {high:,}"
    least = f"{low} or more" if limits.ge is not None else f"above {low}"
    if high is None:
        return least
    if high >= 1000:
        return f"{least}, and at most {high:,}"
    return f"in {'[('[limits.ge is None]}{low}, {high}{')]'[limits.lt is None]}"


def _size(count: Any, takes: Takes) -> str:
    """How much ``count`` of something take, in a unit that people know."""
    total = float(count) * takes.amount if abs(count) < 10**290 else math.inf
    scale = {"seconds": (("years", 3.2e7), ("days", 86_400), ("hours", 3_600), ("minutes", 60))}
    memory = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6))
    units = scale.get(takes.unit, memory)
    unit, one = next(((unit, one) for unit, one in units if total >= one), units[-1])
    return f"{total / one:,.3g} {unit}" + ("" if takes.unit == "seconds" else " of memory")


def _check_text(name: str, value: str) -> None:
    if len(value) > MAX_TEXT:
        raise ConfigError(
            f"{name} has {len(value):,} characters; it must have at most {MAX_TEXT:,}"
        )
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ConfigError(f"{name} is {shown(value)}; it must be a text without NUL or half signs")


def _check_items(name: str, value: Any, origin: Any, arguments: tuple[Any, ...]) -> None:
    """Every item of a list; a tuple of fixed length has as many items as its type."""
    fixed = origin is tuple and Ellipsis not in arguments
    if fixed and len(value) != len(arguments):
        raise ConfigError(f"{name} is {shown(value)}; it must have {len(arguments)} items")
    kinds = arguments if fixed else (arguments[0],) * len(value)
    for number, (item, kind) in enumerate(zip(value, kinds, strict=True)):
        check_value(f"{name}[{number}]", item, kind)


def _check_table(name: str, value: Mapping[Any, Any], arguments: tuple[Any, ...]) -> None:
    for key, item in value.items():
        if not isinstance(key, str):
            raise ConfigError(f"{name} has the key {shown(key)}; keys must be texts")
        if len(arguments) == 2:
            check_value(f"{name}.{key[:80]}", item, arguments[1])


def _check_depth(name: str, value: Any) -> None:
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return
    raise ConfigError(f"{name} is nested more than {MAX_DEPTH} deep; give plain settings")


def _inside(value: Any) -> Iterator[Any]:
    """What is in a table or a list."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
