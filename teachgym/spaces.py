"""Gymnasium spaces of reports, training data, plans and moves.

They carry structured text of any length, so they are not flattenable into arrays, and wrappers
that flatten will rightly refuse them.
"""

from __future__ import annotations

import string
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np

from teachgym.records import (
    Record,
    example_from_json,
    example_to_json,
    report_from_json,
    report_to_json,
)
from teachgym.shown import shown
from teachgym.types import (
    Data,
    Example,
    Exploit,
    Explore,
    Move,
    Order,
    Plan,
    Prediction,
    Report,
    Split,
)
from teachgym.wellformed import fault_of_example, fault_of_move, fault_of_order

T = TypeVar("T")

_LETTERS = string.ascii_lowercase + string.digits


class WordSpace(gym.Space[T]):
    """A space of teachgym's data types; the subclass defines its elements."""

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False, since text of any length does not fit into an array."""
        return False

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> T:
        """A random element."""

    @abstractmethod
    def to_json(self, element: T) -> Any:
        """An element as plain JSON values; for a space of actions, any object that was handed in.

        What is malformed becomes ``{"malformed": ...}`` with a short text that shows it.
        """

    @abstractmethod
    def from_json(self, record: Any) -> T:
        """Inverse of ``to_json``; malformed objects become ``Malformed``."""

    @abstractmethod
    def sizes(self) -> tuple[Any, ...]:
        """The parameters of the space; spaces of one kind with equal sizes are equal."""

    def sample(self, mask: Any = None, probability: Any = None) -> T:
        """A random element; masks are not supported and must be None."""
        return self.draw(self.np_random)

    def to_jsonable(self, sample_n: Iterable[T]) -> list[Any]:
        """Plain JSON values, one per sample."""
        return [self.to_json(element) for element in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[T]:
        """Inverse of ``to_jsonable``."""
        return [self.from_json(record) for record in sample_n]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.sizes() == other.sizes()

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.sizes()}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A malformed part of an action, read back from JSON."""

    shown: str
    """The item itself, as ``teachgym.shown`` shows it."""


Fault = Callable[[object], str | None]
"""The fault of an item; None = nothing."""


def _items_to_json(items: object, fault: Fault, to_json: Callable[[Any], Any]) -> Any:
    """A tuple of items as a list; each item, or the whole, by its looks where it is malformed."""

    def malformed(value: object) -> Record:
        return {"malformed": value.shown if isinstance(value, Malformed) else shown(value)}

    if not isinstance(items, tuple):
        return malformed(items)
    return [to_json(item) if fault(item) is None else malformed(item) for item in items]


def _items_from_json(record: Any, from_json: Callable[[Any], Any]) -> Any:
    """Inverse of ``_items_to_json``."""

    def read(value: Any) -> Any:
        return Malformed(value["malformed"]) if "malformed" in value else from_json(value)

    return tuple(map(read, record)) if isinstance(record, list) else read(record)


class OrderedWords(WordSpace[T]):
    """A space of elements about at most ``max_examples`` examples of the given skills."""

    def __init__(
        self,
        skills: Sequence[str],
        max_examples: int,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.skills = tuple(skills)
        self.max_examples = max_examples
        super().__init__(seed)

    def sizes(self) -> tuple[Any, ...]:
        """The skills and the maximum number of examples."""
        return self.skills, self.max_examples

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self.skills)} skills, max_examples={self.max_examples})"


class DataSpace(OrderedWords[Data]):
    """Training data: tuples of at most ``max_examples`` examples of the given skills.

    Any text is in the space; whether an example may enter training is for the gate to say.
    ``sample`` draws up to eight examples of random letters.
    """

    def draw(self, rng: np.random.Generator) -> Data:
        """Random data."""
        count = rng.integers(0, min(self.max_examples, 8) + 1)
        return tuple(_random_example(rng, self.skills) for _ in range(count))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tuple of at most ``max_examples`` examples with known skills."""
        return (
            isinstance(x, tuple)
            and len(x) <= self.max_examples
            and all(fault_of_example(e) is None and e.skill in self.skills for e in x)
        )

    def to_json(self, element: Data) -> Any:
        """A list of examples."""
        return _items_to_json(element, fault_of_example, example_to_json)

    def from_json(self, record: Any) -> Data:
        """Inverse of ``to_json``."""
        data: Data = _items_from_json(record, example_from_json)
        return data


class ReportSpace(WordSpace[Report]):
    """Evaluation reports of one split over the given skills.

    ``sample`` draws a report of a few random predictions.
    """

    def __init__(
        self,
        skills: Sequence[str],
        split: Split = "val",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.skills = tuple(skills)
        self.split: Split = split
        super().__init__(seed)

    def draw(self, rng: np.random.Generator) -> Report:
        """A random report."""
        examples = [_random_example(rng, self.skills) for _ in range(rng.integers(1, 9))]
        predictions = (Prediction(e, _random_text(rng), float(rng.random())) for e in examples)
        return Report(tuple(predictions), self.split)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a report of the split whose examples have known skills."""
        return (
            isinstance(x, Report)
            and x.split == self.split
            and all(p.example.skill in self.skills for p in x.predictions)
        )

    def to_json(self, element: Report) -> Record:
        """The record of a report."""
        return report_to_json(element)

    def from_json(self, record: Any) -> Report:
        """Inverse of ``to_json``."""
        return report_from_json(record)

    def sizes(self) -> tuple[Any, ...]:
        """Skills and split."""
        return self.skills, self.split

    def __repr__(self) -> str:
        return f"ReportSpace({len(self.skills)} skills, {self.split})"


class PlanSpace(OrderedWords[Plan]):
    """Data generation plans of at most ``max_examples`` examples of the given skills.

    ``sample`` draws up to three orders.
    """

    def draw(self, rng: np.random.Generator) -> Plan:
        """A random plan."""
        chosen = rng.choice(self.skills, size=rng.integers(0, 4))
        share = self.max_examples // max(len(chosen), 1)
        return Plan(
            tuple(
                Order(str(skill), int(rng.integers(0, share + 1)), hint=_random_text(rng))
                for skill in chosen
            )
        )

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a plan of at most ``max_examples`` examples of known skills."""
        return (
            isinstance(x, Plan)
            and isinstance(x.orders, tuple)
            and all(fault_of_order(o) is None and o.skill in self.skills for o in x.orders)
            and x.total <= self.max_examples
        )

    def to_json(self, element: Plan) -> Any:
        """A list of orders."""
        given: object = element  # It may be anything.
        items = given.orders if isinstance(given, Plan) else Malformed(shown(given))
        return _items_to_json(items, fault_of_order, asdict)

    def from_json(self, record: Any) -> Plan:
        """Inverse of ``to_json``."""

        def order(fields: Record) -> Order:
            return Order(**{**fields, "seeds": tuple(fields["seeds"])})

        items = _items_from_json(record, order)
        return Plan(items) if isinstance(items, tuple) else items


class MovesSpace(OrderedWords[tuple[Move, ...]]):
    """The moves of a Skill-Tree teacher, in words; skills without a move continue as before.

    An ``Exploit`` names a root, an ``Explore`` a root or a subskill; which subskills exist is for
    the forest to say. The space's ``skills`` are the roots. ``sample`` draws an exploration of one.
    """

    def draw(self, rng: np.random.Generator) -> tuple[Move, ...]:
        """A random move."""
        examples = int(rng.integers(0, self.max_examples + 1))
        return (Explore(str(rng.choice(self.skills)), int(rng.integers(1, 4)), examples),)

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tuple of moves with numbers >= 0, exploits of roots."""
        return isinstance(x, tuple) and all(self._allows(move) for move in x)

    def to_json(self, element: tuple[Move, ...]) -> Any:
        """A list of moves."""
        return _items_to_json(element, fault_of_move, move_to_json)

    def from_json(self, record: Any) -> tuple[Move, ...]:
        """Inverse of ``to_json``."""
        moves: tuple[Move, ...] = _items_from_json(record, move_from_json)
        return moves

    def _allows(self, move: Any) -> bool:
        return fault_of_move(move) is None and (
            isinstance(move, Explore) or move.skill in self.skills
        )


class ReplySpace(WordSpace[str]):
    """Texts as actions: any text is an element.

    ``sample`` draws a reply that asks for a random action.

    Args:
        acts: the space of what replies ask for.
        write: a module's function from such an action to a reply that asks for it.
        seed: of ``sample``.
    """

    def __init__(
        self,
        acts: WordSpace[Any],
        write: Callable[[Any], str],
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.acts, self.write = acts, write
        super().__init__(seed)

    def draw(self, rng: np.random.Generator) -> str:
        """A reply that asks for a random action."""
        return self.write(self.acts.draw(rng))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a text."""
        return isinstance(x, str)

    def to_json(self, element: str) -> Any:
        """The text; half of a surrogate pair, which no file can hold, is escaped."""
        given: object = element  # It may be anything.
        if not isinstance(given, str):
            return {"malformed": given.shown if isinstance(given, Malformed) else shown(given)}
        return given.encode("utf-8", "backslashreplace").decode("utf-8")

    def from_json(self, record: Any) -> str:
        """Inverse of ``to_json``."""
        read: Any = record if isinstance(record, str) else Malformed(record["malformed"])
        text: str = read
        return text

    def sizes(self) -> tuple[Any, ...]:
        """The space of the actions."""
        return (self.acts,)


def move_to_json(move: Move) -> Record:
    """A move as a JSON object whose key ``move`` names its kind.

    Example:
        >>> move_to_json(Explore("algebra", 2, 10))["move"]
        'explore'
    """
    record = {
        "move": type(move).__name__.lower(),
        **{f.name: getattr(move, f.name) for f in fields(move)},
    }
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in record.items()}


def move_from_json(record: Mapping[str, Any]) -> Move:
    """Inverse of ``move_to_json``."""
    kinds: dict[str, type[Move]] = {"explore": Explore, "exploit": Exploit}
    values = {key: value for key, value in record.items() if key != "move"}
    return kinds[record["move"]](**values)


def _random_text(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[i] for i in rng.integers(len(_LETTERS), size=rng.integers(1, 9)))


def _random_example(rng: np.random.Generator, skills: Sequence[str]) -> Example:
    skill = skills[int(rng.integers(len(skills)))]
    return Example(_random_text(rng), _random_text(rng), skill, source="teacher")


def acting_space(env: gym.Env[Any, Any]) -> gym.Space[Any]:
    """The action space, without ``stop`` if the environment can be stopped."""
    space = env.action_space
    if isinstance(space, gym.spaces.Dict) and set(space.spaces) == {"action", "stop"}:
        return space["action"]
    return space
