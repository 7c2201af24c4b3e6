"""The checks of single examples, as pure functions.

Each gives the offending value and the rule it breaks, or None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from teachgym.errors import ConfigError, ConformanceError, unknown
from teachgym.gate.filters.filter import Asking, Filter
from teachgym.gate.kinds import fault_of_kind
from teachgym.gate.settings import GateSettings
from teachgym.images import ImageStore, open_image
from teachgym.protocols import Task
from teachgym.registry import Registry, label, noting
from teachgym.shown import shown
from teachgym.types import EXERCISE, SPLITS, Example, leaf_skills, score_of
from teachgym.wellformed import fault_of_example

Check = Callable[[Example], str | None]
"""The fault of an example: the offending value and the rule it breaks; None = nothing."""

CHECKS = Registry(
    "gate check",
    {
        "hides-target": "teachgym.gate.checks:fault_of_shown_target",
        "random": "teachgym.gate.filters.random:Random",
        "pass-rate": "teachgym.gate.filters.pass_rate:PassRate",
        "diverse": "teachgym.gate.filters.diverse:Diverse",
        "llkd-like": "teachgym.gate.filters.llkd_like:LlkdLike",
        "teachability": "teachgym.gate.filters.teachability:Teachability",
        "loss": "teachgym.gate.filters.loss:Loss",
        "least-perplexing": "teachgym.gate.filters.least_perplexing:LeastPerplexing",
        "ifd": "teachgym.gate.filters.ifd:Ifd",
        "less": "teachgym.gate.filters.less:Less",
    },
    services={"task": None},
    functions=True,
)
"""Checks that are asked for (``gate_checks``), beside those of every gate: functions of an example,
classes of such, or of filters (``teachgym.gate.filters.Filter``), made with ``task`` if they have a
parameter of that name."""


@dataclass(frozen=True)
class Asked:
    """A requested check, with its description for messages."""

    check: Check
    what: str

    def __call__(self, example: Example) -> str | None:
        """The check's complaint; raises ``ConformanceError`` if it is neither text nor None."""
        with noting(self.what):
            detail = self.check(example)
        if detail is None or isinstance(detail, str):
            return detail
        raise ConformanceError(
            f"{self.what} gives {shown(detail)}; it must say what is wrong with an example, or "
            "give None"
        )


def make_check(asked: Any, task: Task) -> tuple[str, Check | Filter]:
    """Make a requested check or filter, with the reason that it gives.

    Args:
        asked: a name in one of the ways of ``teachgym.registry``, or the part; with settings, a
            table of them with the ``name``.
        task: for those that want it.

    Raises:
        UnknownNameError: for what names no check.
        ConfigError: for settings that it does not have, or a table without a name.
    """
    name, settings = divided(asked)
    made = CHECKS.make(name, settings=settings, task=task)
    return label(name), made if isinstance(made, Filter) else Asked(made, CHECKS.what(name))


def require_check(asked: Any) -> None:
    """Refuse what ``make_check`` would refuse, before there is a task."""
    name, settings = divided(asked)
    CHECKS.check(name, settings)


def asks_student(asked: Any) -> bool:
    """Whether a requested check asks the student about examples."""
    name, settings = divided(asked)
    part = CHECKS.load(name)
    kind = part if isinstance(part, type) else type(part)
    return issubclass(kind, Asking) and kind.asks(settings)


def divided(asked: Any) -> tuple[Any, Mapping[str, Any]]:
    """The name and settings of a requested check."""
    if not isinstance(asked, Mapping):
        return asked, {}
    if "name" not in asked:
        raise ConfigError(
            f"gate_checks has {shown(asked)}; a table of settings must have the check's name, as "
            'in {"name": "random", "share": 0.5}'
        )
    return asked["name"], {key: value for key, value in asked.items() if key != "name"}


def checks_of_texts(task: Task, settings: GateSettings, held_out: Check) -> list[tuple[str, Check]]:
    """The checks of every text, each after its reason; ``held_out`` finds items of val and test."""
    train, shape = task.examples("train"), Shape.of(task)
    ids = {e.id for s in ("val", "test") for e in task.examples(s)}
    ids -= {"", *(e.id for e in train)}
    return [
        ("format", fault_of_example),
        ("format", fault_of_texts),
        ("format", partial(fault_of_images, shape, ImageStore())),
        ("format", partial(fault_of_turns, shape)),
        ("format", partial(fault_of_skill, frozenset(leaf_skills(task.skills)))),
        ("format", partial(fault_of_source, {(e.id, e.identity, e.target) for e in train})),
        ("length", partial(fault_of_length, settings)),
        ("overlap", held_out),
        ("overlap", partial(fault_of_id, ids)),
    ]


def checks_of_exercises(task: Task, settings: GateSettings) -> Iterator[tuple[str, Check]]:
    """The checks of exercises and of auxiliary text, each after its reason."""
    yield "label", partial(fault_of_label, task.skills_of)
    if settings.verify:
        yield "answer", partial(fault_of_target, task.verify)
    yield "answer", partial(fault_of_rejected, task)
    yield "kind", partial(fault_of_kind, task)


def require_faults(name: str, faults: Any, count: int) -> None:
    """Raise ``ConformanceError`` unless there is a fault or None for each of ``count`` examples."""
    listed = isinstance(faults, Sequence) and not isinstance(faults, str)
    if listed and len(faults) == count and all(f is None or isinstance(f, str) for f in faults):
        return
    raise ConformanceError(
        f"gate check {name!r} gives {shown(faults)} for {count} examples; it must give a text that "
        "says what is wrong, or None, for each of them"
    )


def require_memory(name: str, memory: Any) -> Any:
    """The memory of a filter as a resumed run reads it, so that no other run has another.

    Raises:
        ConformanceError: for what cannot be written as JSON.
    """
    try:
        return json.loads(json.dumps(memory, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConformanceError(
            f"gate check {name!r} leaves {shown(memory)} in its memory, which must be JSON: {error}"
        ) from error


def fault_of_shown_target(example: Example) -> str | None:
    """The target, if the prompt contains it."""
    if example.target.strip() not in example.prompt:
        return None
    return f"target {example.target!r} stands in the prompt, which gives it away"


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab and newline, and halves of surrogate pairs."""


def _texts(example: Example) -> Iterator[tuple[str, Any]]:
    """The texts of an example. Teachers that parse model output may get types wrong."""
    yield "prompt", example.prompt
    for turn in example.turns:
        yield "response", turn.response
        yield "reply", turn.reply
    yield "target", example.target
    if example.rejected is not None:
        yield "rejected", example.rejected
    for response in example.alternatives:
        yield "soft label", response


def fault_of_texts(example: Example) -> str | None:
    """The first text that is empty or has unprintable characters."""
    for name, text in _texts(example):
        if not isinstance(text, str) or not text.strip():
            return f"{name} is {text!r}; it must be a text that is not empty"
        if not text.isprintable() and (found := _UNPRINTABLE.search(text)) is not None:
            return f"{name} has {found.group()!r}; control characters are not allowed"
    return None


@dataclass(frozen=True, slots=True)
class Shape:
    """The possible shape of a task's conversations."""

    images: bool
    """Whether there are items with images."""
    turns: int
    """The most turns before a target: those of an item, and those that the task adds."""

    @classmethod
    def of(cls, task: Task) -> Shape:
        """The shape of the task's items in all splits, and of its replies."""
        items = [e for split in SPLITS for e in task.examples(split)]
        own = max((len(e.turns) for e in items), default=0)
        return cls(any(e.images for e in items), own + task.max_turns - 1)


def fault_of_images(shape: Shape, store: ImageStore, example: Example) -> str | None:
    """The images that cannot be read, or any where the task has no items with images."""
    if example.images and not shape.images:
        return f"images is {shown(example.images)}; the task has no items with images"
    for digest in example.images:
        try:
            open_image(store.get(digest), f"image {digest!r}")
        except ConfigError as error:
            return str(error)
    return None


def fault_of_turns(shape: Shape, example: Example) -> str | None:
    """The turns before the target, if conversations of the task have fewer."""
    if len(example.turns) <= shape.turns:
        return None
    return f"turns has {len(example.turns)}; conversations of the task have {shape.turns} at most"


def fault_of_skill(leaves: Collection[str], example: Example) -> str | None:
    """The skill, if it is none of the task's leaves."""
    return None if example.skill in leaves else unknown("leaf skill", example.skill, leaves)


def fault_of_label(skills_of: Callable[[str], Collection[str]], example: Example) -> str | None:
    """The skill of an exercise, if the task can tell that its prompt is of another."""
    possible = skills_of(example.prompt) if example.kind == EXERCISE else ()
    if not possible or example.skill in possible:
        return None
    names = " or ".join(sorted(map(repr, possible)))
    return f"skill is {example.skill!r}; the prompt is of {names}"


def fault_of_length(settings: GateSettings, example: Example) -> str | None:
    """The first text with more characters than the settings allow."""
    for name, text in _texts(example):
        asked = name in ("prompt", "reply")
        limit = settings.max_prompt_chars if asked else settings.max_target_chars
        if len(text) > limit:
            return f"{name} has {len(text)} characters; at most {limit} are allowed"
    return None


def fault_of_id(held_out: Collection[str], example: Example) -> str | None:
    """The id, if it is one of ``held_out``, since tasks may grade by it."""
    if example.id in held_out:
        return f"id is {example.id!r}, which is that of an item of val or test"
    return None


def fault_of_source(train: Collection[tuple[str, str, str]], example: Example) -> str | None:
    """The source, if an example claims to be the task's but is not in ``train``."""
    if example.source == "teacher" or (example.id, example.identity, example.target) in train:
        return None
    return "source is 'task', and the task's train has no such item; it must be 'teacher'"


def fault_of_target(verify: Callable[[Example], float], example: Example) -> str | None:
    """The target of an exercise, if the task rejects it."""
    if example.kind != EXERCISE:
        return None
    score = verify(example)
    if score >= 1:  # Not so for nan: an answer that cannot be checked is not a right one.
        return None
    return f"target {example.target!r} scores {score:g}; a right answer scores 1"


def fault_of_rejected(task: Task, example: Example) -> str | None:
    """A rejected response that equals the target or is right as well."""
    if example.rejected is None:
        return None
    if example.rejected.strip() == example.target.strip():
        return f"rejected is {example.rejected!r}, as is the target; it must be a worse answer"
    if example.kind == EXERCISE and score_of(task.grade(example, example.rejected)) >= 1:
        return f"rejected is {example.rejected!r}, which is right; it must be a worse answer"
    return None
