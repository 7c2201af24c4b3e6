"""Faults of a word as a value: fields of another type, numbers that are none.

Words are plain dataclasses that anybody can fill with anything, and a policy in training does.
Each function gives the offending field and the rule it breaks, or None. Numbers are Python's own
``int`` and ``float`` (not NumPy's), so that a word can always be written down as JSON.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from teachgym.shown import shown
from teachgym.types import Cost, Example, Exploit, Explore, Order, Provenance, Turn

MOST = 10**9
"""The largest count that is taken for one."""

DEEPEST = 20
"""Levels of lists and tables in ``Example.meta``."""

_ROUNDING = 1e-6
"""By how much the sum of probabilities may differ from 1."""

_DIGEST = re.compile("[0-9a-f]{64}")


def fault_of_example(item: object) -> str | None:
    """The reason why ``item`` cannot be a training example of any task; None = it can."""
    if not isinstance(item, Example):
        return f"{shown(item)} is no Example"
    return (
        _fault_of_texts(prompt=item.prompt, target=item.target, skill=item.skill, id=item.id)
        or _fault_of_texts(kind=item.kind)
        or _fault_of_texts(optional=True, rejected=item.rejected)
        or _fault_of_images(item.images)
        or _fault_of_turns(item.turns)
        or _fault_of_source(item.source)
        or _fault_of_difficulty(item.difficulty)
        or fault_of_spans(item)
        or fault_of_soft_labels(item)
        or _fault_of_provenance(item.provenance)
        or fault_of_meta(item.meta)
        or (None if item.kind else "kind is empty; it must be 'exercise' or name what it is")
    )


def fault_of_meta(meta: object) -> str | None:
    """The reason why it cannot be ``Example.meta``, with the path of the fault; None = it can."""
    if not isinstance(meta, Mapping):
        return f"meta is {shown(meta)}; it must map names to JSON values"
    return _fault_of_json("meta", meta, 0)


def _fault_of_json(path: str, value: Any, depth: int) -> str | None:
    if depth > DEEPEST:
        return f"{path} is nested deeper than {DEEPEST} levels"
    if isinstance(value, Mapping):
        inside = ((f"{path}[{shown(key)}]", own) for key, own in value.items())
        return _first(_fault_of_texts(key=key) for key in value) or _first(
            _fault_of_json(place, own, depth + 1) for place, own in inside
        )
    if isinstance(value, list | tuple):
        return _first(_fault_of_json(f"{path}[{i}]", own, depth + 1) for i, own in enumerate(value))
    if isinstance(value, str):
        fault = _fault_of_texts(text=value)
        return fault and f"{path}: {fault}"
    if value is None or isinstance(value, bool) or _is_number(value):
        return None
    return f"{path} is {shown(value)}; it must be a JSON value: a text, a number, a list or a table"


def fault_of_spans(example: Example) -> str | None:
    """As ``fault_of_weights``, and one of the weights is above 0."""
    if (fault := fault_of_weights(example)) is not None:
        return fault
    if example.spans and not any(weight > 0 for _, weight in example.spans):
        return f"spans is {shown(example.spans)}; a weight must be above 0, or nothing is learned"
    return None


def fault_of_weights(example: Example) -> str | None:
    """The spans, if there are any, make up the target; weights are finite.

    Trainers refuse what fails this. An example whose weights are all 0 has nothing to teach: they
    pass it over, and the gate keeps it out.
    """
    fault = _fault_of_pairs("spans", example.spans, "a finite number", -sys.float_info.max)
    if fault is not None or not example.spans:
        return fault
    if "".join(text for text, _ in example.spans) != example.target:
        return (
            f"the spans of {shown(example.prompt)} do not make up its target "
            f"{shown(example.target)}; cut the target into pieces, without a gap"
        )
    return None


def fault_of_soft_labels(example: Example) -> str | None:
    """The soft labels, if there are any, are probabilities of responses; there are no spans then.

    Trainers refuse what fails this.
    """
    labels = example.soft_labels
    fault = _fault_of_pairs("soft_labels", labels, "a finite number >= 0", 0)
    if fault is not None or not labels:
        return fault
    if abs(sum(number for _, number in labels) - 1) > _ROUNDING:
        return f"soft_labels is {shown(labels)}; its probabilities must sum to 1"
    if example.spans:
        return f"soft_labels is {shown(labels)}; spans are of the target alone, so leave one empty"
    return None


def fault_of_order(item: object) -> str | None:
    """The reason why ``item`` cannot be an order of any plan; None = it can."""
    if not isinstance(item, Order):
        return f"{shown(item)} is no Order"
    return (
        _fault_of_texts(
            skill=item.skill, hint=item.hint, engine=item.engine, subskill=item.subskill
        )
        or _fault_of_count("count", item.count, least=0)
        or _fault_of_difficulty(item.difficulty)
        or _fault_of_seeds(item.seeds)
    )


def fault_of_move(item: Any) -> str | None:
    """The reason why ``item`` cannot be a move on any skill tree; None = it can."""
    if not isinstance(item, Explore | Exploit):
        return f"{shown(item)} is no Explore and no Exploit"
    texts = _fault_of_texts(skill=item.skill, reason=item.reason)
    if texts is not None:
        return texts
    if isinstance(item, Explore):
        return _fault_of_count("subskills", item.subskills, least=1) or _fault_of_amount(
            "examples", item.examples
        )
    allocation: Any = item.allocation
    if not isinstance(allocation, Mapping):
        return f"allocation is {shown(allocation)}; it must map subskills to examples"
    return _first(
        _fault_of_texts(allocation=name) or _fault_of_amount(f"allocation of {shown(name)}", count)
        for name, count in allocation.items()
    )


def _first(faults: Iterable[str | None]) -> str | None:
    return next((fault for fault in faults if fault is not None), None)


def _fault_of_texts(*, optional: bool = False, **fields: object) -> str | None:
    """Each is a text that files can hold: no half of a surrogate pair."""
    for name, value in fields.items():
        if optional and value is None:
            continue
        if not isinstance(value, str):
            return f"{name} is {shown(value)}; it must be a text"
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = value[error.start]
            return f"{name} has {half!r}, half of a surrogate pair; use whole characters"
    return None


def _fault_of_count(name: str, value: object, *, least: int) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST:
        return None
    return f"{name} is {shown(value)}; it must be an int from {least} to {MOST}"


def _fault_of_amount(name: str, value: object) -> str | None:
    """Fractions are rounded later, where a step's counts are."""
    if _is_number(value) and 0 <= value <= MOST:  # type: ignore[operator]
        return None
    return f"{name} is {shown(value)}; it must be a number from 0 to {MOST}"


def _is_number(value: Any) -> bool:
    """Whether it is one that a float can hold: neither nan, nor infinite, nor a longer int."""
    largest = sys.float_info.max
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -largest <= value <= largest


def _fault_of_difficulty(value: Any) -> str | None:
    if value is None or (_is_number(value) and 0 <= value <= 1):
        return None
    return f"difficulty is {shown(value)}; it must be in [0, 1] or None"


def _fault_of_source(value: object) -> str | None:
    if isinstance(value, str) and value in ("task", "teacher"):
        return None
    return f"source is {shown(value)}; it must be 'teacher', or 'task' for one of its own"


def _fault_of_pairs(name: str, value: Any, number: str, least: float) -> str | None:
    """Texts with numbers of at least ``least``, which ``number`` says in words."""
    rule = f"it must be a tuple of pairs: a text and {number}"
    if not isinstance(value, tuple):
        return f"{name} is {shown(value)}; {rule}"
    for pair in value:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return f"{name} has {shown(pair)}; {rule}"
        text, amount = pair
        if _fault_of_texts(text=text) or not _is_number(amount) or amount < least:
            return f"{name} has {shown(pair)}; {rule}"
    return None


def _fault_of_images(value: Any) -> str | None:
    if isinstance(value, tuple) and all(
        isinstance(name, str) and _DIGEST.fullmatch(name) for name in value
    ):
        return None
    return (
        f"images is {shown(value)}; it must be a tuple of what ImageStore.put returns, SHA-256 in "
        "64 hex digits"
    )


def _fault_of_turns(value: Any) -> str | None:
    if not (isinstance(value, tuple) and all(isinstance(turn, Turn) for turn in value)):
        return f"turns is {shown(value)}; it must be a tuple of Turn"
    if not all(isinstance(turn.learned, bool) for turn in value):
        return f"turns is {shown(value)}; learned must be true or false"
    return _first(_fault_of_texts(response=t.response, reply=t.reply) for t in value)


def _fault_of_seeds(value: Any) -> str | None:
    if isinstance(value, tuple) and all(_fault_of_texts(seed=seed) is None for seed in value):
        return None
    return f"seeds is {shown(value)}; it must be a tuple of ids, which are texts"


def _fault_of_provenance(made: Any) -> str | None:
    if made is None:
        return None
    if not isinstance(made, Provenance):
        return f"provenance is {shown(made)}; it must be a Provenance or None"
    cost: Any = made.cost
    if not (cost is None or isinstance(cost, Cost)):
        return f"provenance.cost is {shown(cost)}; it must be a Cost or None"
    return (
        _fault_of_seeds(made.seeds)
        or _fault_of_texts(teacher=made.teacher, hint=made.hint, subskill=made.subskill)
        or _fault_of_count("provenance.step", made.step, least=0)
        or _fault_of_rating(made.rating)
    )


def _fault_of_rating(rating: Any) -> str | None:
    if rating is None or (type(rating) in (int, float) and 0 <= rating <= 1):
        return None
    return f"provenance.rating is {shown(rating)}; it must be a number from 0 to 1, or None"
