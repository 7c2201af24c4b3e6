"""Everything that can be reached from an object: what a teacher could find if it looked."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from itertools import chain
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np


def reach(root: object) -> Iterator[tuple[str, object]]:
    """Each object that can be reached from ``root``, once, with the steps that lead there.

    Follows what the garbage collector follows (attributes, slots, containers, closures, the
    objects of bound methods, defaults, generators, partials), and what it does not: live weak
    references, arrays of objects, and of what the project wrote properties, attributes of classes,
    and the globals that a function's code names. Does not enter modules, the frames of threads,
    what runs the tests (pytest holds every test file), or the interpreter's memory of which
    classes an abstract class was asked about: those of all tests so far that happen to live.
    """
    # Objects are kept, or a new one could have the id of one that was seen.
    seen: dict[int, object] = {id(root): root}
    computed = cache(_computed)
    waiting = [("it", root)]
    while waiting:
        path, found = waiting.pop()
        yield path, found
        for step, following in chain(_steps(found), _properties(found, computed(type(found)))):
            if id(following) not in seen and not _is_outside(following):
                seen[id(following)] = following
                waiting.append((f"{path}{step}", following))


def _is_outside(found: object) -> bool:
    kind = found if isinstance(found, type) else type(found)
    runs_tests = str(kind.__module__).partition(".")[0] in ("_pytest", "pluggy", "hypothesis")
    return runs_tests or isinstance(found, ModuleType) or kind.__name__ == "_abc_data"


def _steps(found: object) -> Iterator[tuple[str, object]]:
    kind = type(found).__name__
    if isinstance(found, FunctionType):
        yield from _of_function(found)
    elif isinstance(found, np.ndarray):
        if found.dtype == object:
            yield from ((f"[{i}]", each) for i, each in enumerate(found.ravel().tolist()))
    elif isinstance(found, weakref.ref):
        yield "()", found()
    elif isinstance(found, type):
        if _is_own(found):
            yield from ((f".{name}", value) for name, value in list(vars(found).items()))
    elif isinstance(found, dict):
        pairs = list(dict.items(found))  # What a subclass makes of them may load or grow things.
        yield from ((f"[{key!r:.40}]", value) for key, value in pairs)
        yield from (("<key>", key) for key, _ in pairs)
    else:
        yield from ((f"<{kind}>", each) for each in gc.get_referents(found))


def _is_own(found: type | FunctionType) -> bool:
    """Whether it is of the project, its tests or nobody knows whom, and not of a library.

    What libraries keep in classes and globals is all that is loaded, and the same for everybody.
    """
    root = str(found.__module__).partition(".")[0]
    return root.startswith(("teachgym", "test")) or root not in sys.modules


def _of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name in ("__closure__", "__defaults__", "__kwdefaults__", "__dict__"):
        yield f".{name}", getattr(function, name)
    for name in _names(function.__code__) if _is_own(function) else ():
        if name in function.__globals__:
            yield f".__globals__[{name!r}]", function.__globals__[name]


def _names(code: CodeType) -> set[str]:
    """Globals that a function and the functions in it may use."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _computed(kind: type) -> tuple[str, ...]:
    """Names of the properties and slots of a class, if it is of the project."""
    members = {name: getattr(kind, name, None) for name in dir(kind)} if _is_own(kind) else {}
    return tuple(
        name
        for name, member in members.items()
        if isinstance(member, (property, cached_property, MemberDescriptorType))
    )


def _properties(found: object, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    for name in names:
        try:
            yield f".{name}", getattr(found, name)
        except Exception:  # A property may refuse; then there is nothing to find.
            continue


def finds(root: object, forbidden: Callable[[Any], str]) -> list[str]:
    """What is reachable and forbidden: why, and the steps that lead there."""
    return [f"{reason}: {path}" for path, found in reach(root) if (reason := forbidden(found))]
