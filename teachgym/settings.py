"""Settings: declared once, with type, range and text, and checked by pydantic.

A class of settings is a frozen dataclass that is ``checked``; so are the keyword arguments of what
takes settings itself. What comes from JSON or a command line must be of the declared types:
numbers are finite, true and false are no numbers, no table has other keys than the declared ones.
A ``ConfigError`` names the setting with its tables, the value and what it must be. pydantic is
imported with the first check, so that ``import teachgym`` stays light.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import EnumType
from functools import cache, wraps
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

import numpy as np
from annotated_types import Interval

from teachgym.annotations import UNIONS, hints_of, open_hint
from teachgym.errors import ConfigError, unknown
from teachgym.shown import in_words, shown, size_in_words

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
Maker = TypeVar("Maker", bound=Callable[..., Any])
Row = tuple[str, Any, bool]  # A setting: its name, its annotation, whether it is needed.
Rest = Literal["allow", "forbid"]  # What becomes of settings that are not declared.

REQUIRED = inspect.Parameter.empty
"""Stands for the default of a setting that has none."""

MAX_DEPTH = 32  # Tables and lists within each other.
MAX_TEXT = 100_000  # Characters of a text.


@dataclass(frozen=True)
class Takes:
    """The bytes or seconds that one unit takes, for the message that refuses too many."""

    amount: float
    unit: Literal["bytes", "seconds"]


# A bound is far above what anybody has used: what would run for ever, or fill the memory, is
# refused. The sizes are those of the cheapest case, so a value within them may still take long.
Share = Annotated[float, Interval(ge=0, le=1)]
ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
ShareAboveZero = Annotated[float, Interval(gt=0, le=1)]
ShareBetween = Annotated[float, Interval(gt=0, lt=1)]
Positive = Annotated[float, Interval(gt=0)]
NotNegative = Annotated[float, Interval(ge=0)]

Seconds = Annotated[float, Interval(gt=0, le=3600)]
Seed = Annotated[int, Interval(ge=0, le=2**63 - 1)]
Seed32 = Annotated[int, Interval(ge=0, le=2**32 - 1)]  # for scikit-learn

Count = Annotated[int, Interval(ge=0, le=10**9)]
CountFromOne = Annotated[int, Interval(ge=1, le=10**9)]
CountFromTwo = Annotated[int, Interval(ge=2, le=10**9)]
Kept = Annotated[int, Interval(ge=1, le=10**6)]  # by a teacher: slots, draws, rounds
Few = Annotated[int, Interval(ge=1, le=1000)]  # held at once: calls in flight, votes
FewOrNone = Annotated[int, Interval(ge=0, le=1000)]

Steps = Annotated[int, Interval(ge=1, le=10**6), Takes(0.015, "seconds")]
"""Environment steps; one with a simulated student takes 15 ms."""
ExamplesPerStep = Annotated[int, Interval(ge=1, le=10**6), Takes(1_000, "bytes")]
"""Examples, of about a kilobyte each."""
ItemsPerCell = Annotated[int, Interval(ge=1, le=2000), Takes(0.02, "seconds")]
"""Items of a procedural task for each of its 100 cells; drawing one takes 0.2 ms."""
Epochs = Annotated[int, Interval(ge=1, le=10_000)]
Limit = Annotated[int, Interval(gt=0, le=10**15)]
Amount = Annotated[float, Interval(gt=0, le=10**12)]  # of dollars or seconds
Tokens = Annotated[int, Interval(ge=1, le=10**7)]
Rank = Annotated[int, Interval(ge=1, le=65_536)]


class _FromJson:
    """Takes what JSON has: a table for a class, a list for a tuple."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        schema = {**handler.resolve_ref_schema(handler(source)), "strict": False}
        schema.pop("ref", None)
        return schema


class _OrNull:
    """Takes null for the default of the field."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core.core_schema import no_info_before_validator_function

        return no_info_before_validator_function(self._given, handler(source))

    @staticmethod
    def _given(value: Any) -> Any:
        from pydantic_core import PydanticUseDefault

        if value is None:
            raise PydanticUseDefault
        return value


FromJson = Annotated[T, _FromJson()]  # A class of settings, or a tuple, that may come as JSON.
Table = Annotated[T, _FromJson(), _OrNull()]  # The same, and null stands for the default.


@dataclass(frozen=True)
class Like:
    """A note that a table or ``**settings: Any`` holds the settings of a class; empty = none."""

    kind: type

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core.core_schema import no_info_wrap_validator_function

        schema = handler.generate_schema(Annotated[self.kind, _FromJson()])
        return no_info_wrap_validator_function(self._keep, schema)

    @staticmethod
    def _keep(value: Any, check: Callable[[Any], object]) -> Any:
        if value != {}:
            check(value)
        return value


def checked(maker: Maker) -> Maker:
    """Decorate a dataclass, or a function or ``__init__`` whose options are settings.

    Example:
        >>> @checked
        ... @dataclass(frozen=True)
        ... class Length:
        ...     metres: Share | None = None
        >>> Length(2)
        Traceback (most recent call last):
        ...
        teachgym.errors.ConfigError: metres is 2; it must be in [0, 1]
    """
    if isinstance(maker, type):
        return cast(Maker, _checked_class(maker))
    signature = inspect.signature(maker)
    parameters = signature.parameters.values()
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not REQUIRED]

    @wraps(maker)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        for name in options:
            if name in given:
                check_value(name, given[name], hints_of(maker).get(name, Any))
        return maker(*args, **kwargs)

    return cast(Maker, call)


def build(
    what: str, maker: Callable[..., T], *given: Any, settings: Mapping[str, Any], **services: Any
) -> T:
    """Call ``maker(*given, **services, **settings)`` after checking the settings.

    ``what`` is built, for messages: ``task 'gsm8k'``, or the name of a table.
    """
    if is_dataclass(maker) and not (given or services):
        check_value(f"settings of {what}", settings, Mapping[str, Any])
        return cast(T, _make(what, maker, settings, maker.__new__(maker)))
    first = list(inspect.signature(maker).parameters)[: len(given)]
    read = check_settings(what, settings, maker, but=(*first, *services))
    return maker(*given, **services, **read)


def check_settings(
    what: str,
    settings: Mapping[str, Any],
    *makers: Callable[..., Any],
    but: Collection[str] = (),
    whole: bool = True,
) -> dict[str, Any]:
    """The settings as the functions or classes that take them declare them, or a ``ConfigError``.

    Args:
        what: whose settings they are, for messages.
        settings: by name.
        makers: take them; a ``**settings`` is for the next maker, and in the last one for anything.
        but: arguments that are no settings.
        whole: whether none may be missing.
    """
    check_value(f"settings of {what}", settings, Mapping[str, Any])
    given, makers = makers, (*makers, *classes_of(*makers))
    known = settings_of(*makers, but=but)
    hints = {name: hint for maker in makers for name, hint in hints_of(maker).items()}
    needed = frozenset(name for name in known if whole and known[name] is REQUIRED)
    table = tuple((name, hints.get(name, Any), name in needed) for name in known)
    last = inspect.signature(makers[-1]).parameters.values()
    rest: Rest = "allow" if any(p.kind is p.VAR_KEYWORD for p in last) else "forbid"
    read = _check_table(what, settings, table, rest)
    for kind in makers[len(given) :] if whole else ():  # It may refuse some values together.
        build(what, kind, settings={n: v for n, v in settings.items() if n in hints_of(kind)})
    return read


def check_value(name: str, value: Any, hint: Any) -> None:
    """Raise ``ConfigError`` if ``value`` is not what ``hint``, an annotation, declares."""
    _check_table(name, {name: value}, ((name, open_hint(hint), True),), "forbid")


def at_most(name: str, value: int, high: int) -> int:
    """``value`` if it is an integer in [1, high]; ``ConfigError`` otherwise."""
    check_value(name, value, Annotated[int, Interval(ge=1, le=high)])
    return value


@contextmanager
def within(table: str) -> Iterator[None]:
    """Add the name of the table to the error about a setting in it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{table}: {error}") from None


def settings_of(*makers: Callable[..., Any], but: Collection[str] = ()) -> dict[str, Any]:
    """Settings of functions or classes with their defaults; ``REQUIRED`` for those without."""
    return {
        name: parameter.default
        for maker in (*makers, *classes_of(*makers))
        for name, parameter in inspect.signature(maker).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in but
    }


def classes_of(*makers: Callable[..., Any]) -> tuple[Any, ...]:
    """The classes whose fields are the ``**settings`` of makers, if they declare them."""
    notes = [get_args(hint) for maker in makers for hint in hints_of(maker).values()]
    return tuple(n[1].kind for n in notes if n[:1] == (Any,) and isinstance(n[1], Like))


# -- by pydantic -------------------------------------------------------------------------------

_CONFIG: Any = {
    "strict": True,
    "extra": "forbid",
    "allow_inf_nan": False,
    "arbitrary_types_allowed": True,
    "use_attribute_docstrings": True,
}


def _checked_class(kind: Any) -> Any:
    """Have a dataclass check itself when it is made."""
    kind.__pydantic_config__ = _CONFIG
    names = [field.name for field in fields(kind) if not field.kw_only]

    @wraps(kind.__init__)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(names, args, strict=False)) | kwargs
        _make(type(self).__name__, kind, given, self)

    kind.__init__ = init
    return kind


def _make(what: str, kind: Any, given: Mapping[str, Any], made: Any) -> Any:
    """``made``, an empty object of a checked class, filled."""
    from pydantic_core import ArgsKwargs

    given = _plain(given)
    with _told(what, kind, given):
        _adapter(kind).validator.validate_python(ArgsKwargs((), given), self_instance=made)
    return made


def _check_table(
    what: str, given: Mapping[str, Any], rows: tuple[Row, ...], rest: Rest
) -> dict[str, Any]:
    """The settings, with what JSON has another word for, such as a list, made what is declared."""
    from pydantic import ValidationError

    plain, read = _plain(given), {}
    with _told(what, {name: hint for name, hint, _ in rows}, plain):
        try:
            _adapter(_table(rows, rest)).validate_python(plain)
        except ValidationError as error:
            wrong = {e["loc"][0] for e in error.errors(include_url=False)}
            try:
                text = json.dumps({name: plain[name] for name in plain if name in wrong})
            except (TypeError, ValueError):  # An object, which is no other one in JSON.
                raise error from None
            told = tuple(row for row in rows if row[0] in wrong)
            read = _adapter(_table(told, rest)).validate_json(text)
    return {**given, **read}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@cache
def _table(rows: tuple[Row, ...], rest: Rest) -> Any:
    """The type of a table with these settings."""
    from typing import NotRequired, Required

    from typing_extensions import TypedDict

    make: Any = TypedDict
    kind = make("Settings", {n: (Required if need else NotRequired)[h] for n, h, need in rows})
    kind.__pydantic_config__ = _CONFIG | {"extra": rest, "use_attribute_docstrings": False}
    return kind


@contextmanager
def _told(what: str, hint: Any, given: Mapping[str, Any]) -> Iterator[None]:
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        raise _refusal(what, error, hint, given) from None


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, numbers of arrays as Python's, if JSON can hold their texts and tables."""
    for name, value in given.items():
        _check_plain(name, value, 0)
    return {n: v.item() if isinstance(v, np.generic) else v for n, v in given.items()}


def _check_plain(name: str, value: Any, depth: int) -> None:
    fault = ""
    if depth > MAX_DEPTH:
        fault = f"is nested more than {MAX_DEPTH} deep; give plain settings"
    elif isinstance(value, str):
        if len(value) > MAX_TEXT:
            fault = f"has {len(value):,} characters; it must have at most {MAX_TEXT:,}"
        elif "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            fault = f"is {shown(value)}; it must be a text without NUL or half signs"
    elif isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                fault = f"has the key {shown(key)}; keys must be texts"
    if fault:
        raise ConfigError(f"{name} {fault}")
    inside = value.values() if isinstance(value, Mapping) else value
    for item in inside if isinstance(value, Mapping | list | tuple) else ():
        _check_plain(name, item, depth + 1)


# -- messages ----------------------------------------------------------------------------------

_LISTS = (Sequence, Collection, tuple, list)
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    Mapping: "a table of settings",
}
_ITEMS: dict[Any, str] = {float: "numbers", int: "integers", str: "texts"}
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_BEYOND = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}


@dataclass(frozen=True)
class _Place:
    """The place of a fault: the setting's name with its tables, what is declared and given."""

    name: str
    hint: Any
    """An annotation, or the annotations of a table."""
    value: Any
    secret: bool = False

    @property
    def table(self) -> dict[str, Any] | None:
        """The annotations of a table with declared names; None for what is none."""
        if isinstance(self.hint, dict):
            return self.hint
        kind: Any = _bare(self.branches[0])
        return hints_of(cast(Any, kind)) if is_dataclass(kind) else None

    @property
    def branches(self) -> list[Any]:
        """The types that the value may have, besides None."""
        kinds = get_args(self.hint) if get_origin(self.hint) in UNIONS else (self.hint,)
        return [kind for kind in kinds if kind is not NoneType]

    def within(self, key: str | int) -> _Place | None:
        """A place in this one; None where the declaration leaves open which one."""
        if (table := self.table) is not None:
            declared = () if table is self.hint else fields(_bare(self.branches[0]))
            secret = any(field.name == key and not field.repr for field in declared)
            name = f"{self.name}.{key}".removeprefix(".")
            return _Place(name, table[str(key)], self.value[key], secret)
        lists = [kind for kind in self.branches if get_origin(_bare(kind)) in _LISTS]
        if len(self.branches) > 1:  # The key is pydantic's name of one of them.
            fits = lists and isinstance(self.value, list | tuple)
            return _Place(self.name, lists[0], self.value, self.secret) if fits else None
        kind = _bare(self.branches[0])
        origin, arguments = get_origin(kind), get_args(kind)
        if lists:
            item = arguments[int(key) if origin is tuple and Ellipsis not in arguments else 0]
            return _Place(f"{self.name}[{key}]", item, self.value[key], self.secret)
        if origin in (Mapping, dict):
            name = f"{self.name}.{str(key)[:80]}"
            return _Place(name, arguments[1], self.value[key], self.secret)
        return None


def _refusal(what: str, error: ValidationError, hint: Any, given: Mapping[str, Any]) -> ConfigError:
    """Pydantic's complaint in one line; of several mistakes the first, misspelt names before."""
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] in _UNKNOWN), errors[0])
    same = [e for e in errors if e["loc"][:1] == first["loc"][:1]]
    first = max(same, key=lambda e: len(e["loc"]))  # Of a list, what is wrong in it.
    fault, where = first["type"], first["loc"]
    place, depth = _Place("", hint, given), 0
    for part in where[:-1] if fault in _UNKNOWN + _MISSING else where:
        if (inner := place.within(part)) is None:
            break
        place, depth = inner, depth + 1
    whose = place.name or what
    if fault in _UNKNOWN:
        if not place.table:
            return ConfigError(f"{whose} has no settings; {where[-1]!r} was given")
        return ConfigError(unknown(f"setting of {whose}", where[-1], place.table))
    if fault in _MISSING and place.table:
        return ConfigError(f"{whose} needs the setting {where[-1]!r}; give it a value")
    if fault == "value_error":
        reason = f"{first['ctx']['error']}"
        return ConfigError(f"{place.name}: {reason}" if place.name else reason)
    faults = {e["type"] for e in same if e["loc"][:depth] == where[:depth]}
    return ConfigError(_wrong(place, faults))


def _wrong(place: _Place, faults: set[str]) -> str:
    """The name, the value and what it must be."""
    kinds = place.branches
    choices = [c for kind in kinds if get_origin(kind) is Literal for c in get_args(kind)]
    if isinstance(place.value, tuple({type(choice) for choice in choices})):
        return unknown(place.name, place.value, choices)
    value = f"a {type(place.value).__name__}" if place.secret else shown(place.value)
    given = f"{place.name} is {value}; it must be"
    notes = [note for kind in kinds if get_origin(kind) is Annotated for note in get_args(kind)[1:]]
    limits = next((in_words(note) for note in notes if isinstance(note, Interval)), "finite")
    if "finite_number" in faults:
        return f"{given} a number, {limits}"
    if faults & _BEYOND:
        takes = [note for note in notes if isinstance(note, Takes)] if place.value > 0 else []
        size = (
            f"; it would take about {size_in_words(place.value, takes[0].amount, takes[0].unit)}"
            if takes
            else ""
        )
        return f"{given} {limits}{size}"
    nothing = ["nothing"] if NoneType in get_args(place.hint) else []
    return f"{given} {' or '.join(dict.fromkeys([*map(_describe, kinds), *nothing]))}"


def _bare(kind: Any) -> Any:
    """The type without its notes."""
    if get_origin(kind) is not Annotated:
        return kind
    bare, *notes = get_args(kind)
    return next((note.kind for note in notes if isinstance(note, Like)), bare)


def _describe(kind: Any) -> str:
    kind = _bare(kind)
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if isinstance(origin, EnumType):
        return f"one of {', '.join(str(one.value) for one in cast(Any, origin))}"
    if origin in _LISTS:
        [item] = items if len(items := {*map(_bare, arguments)} - {Ellipsis}) == 1 else [None]
        fixed = origin is tuple and arguments[-1:] not in ((), (Ellipsis,))
        return f"a list of {f'{len(arguments)} ' * fixed}{_ITEMS.get(item, 'values')}"
    word = _WORDS[Mapping] if is_dataclass(origin) or origin is dict else _WORDS.get(origin)
    return word or f"a {getattr(origin, '__name__', origin)}"
