"""Splits a data set's ``train`` and ``test`` into train, val, test and shots without overlap.

``test`` is the file's own. ``val`` is drawn from ``train``, as many items from each cell, so the
test split is never looked at while teaching. What is left is what a teacher may see.
"""

from __future__ import annotations

import hashlib
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teachgym.errors import ConfigError
from teachgym.settings import CountFromOne, Seed, checked
from teachgym.shown import in_short
from teachgym.tasks.task import ListedTask
from teachgym.types import Example, FrozenDict, Split


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its worked solution, before it becomes an example."""

    id: str
    """Says where in the data set it stands, so it does not depend on settings."""
    text: str
    solution: str
    """In the form of a target: it contains the final answer."""
    skill: str
    cell: str | None
    """The cell over which val is balanced; None = never drawn for val."""
    difficulty: float | None = None
    """In [0, 1]; None = not known."""
    group: str = ""
    """Problems of one group are drawn together; empty = it is a group of its own."""
    meta: Mapping[str, Any] = FrozenDict()
    """``Example.meta``."""
    images: tuple[str, ...] = ()
    """Names of the pictures that it is about, as the data set has them."""

    __repr__ = in_short

    def example(self, prompt: str | None = None, images: tuple[str, ...] = ()) -> Example:
        """The item that puts the problem, by its text unless there is another ``prompt``.

        Args:
            prompt: the whole of it; None = the text.
            images: digests of the pictures, as ``Example.images``.
        """
        return Example(
            self.text if prompt is None else prompt,
            self.solution,
            self.skill,
            self.id,
            source="task",
            difficulty=self.difficulty,
            images=images,
            meta=self.meta,
        )


@dataclass(frozen=True, slots=True)
class ProblemSplits:
    """Disjoint splits of a data set, also by text, or by pictures where there are any."""

    train: tuple[Problem, ...]
    val: tuple[Problem, ...]
    test: tuple[Problem, ...]
    shots: tuple[Problem, ...]
    dropped: int
    """Problems kept out of train because an item of val, test or shots asks the same, or is about
    one of the same pictures."""

    __repr__ = in_short

    def examples(
        self, make: Callable[[Problem], Example] = Problem.example
    ) -> dict[Split, tuple[Example, ...]]:
        """Make the examples of each split from its problems."""
        return {
            "train": tuple(map(make, self.train)),
            "val": tuple(map(make, self.val)),
            "test": tuple(map(make, self.test)),
        }


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class ProblemsTask(ListedTask):
    """A task of a data set's problems.

    Attributes:
        dropped: problems kept out of train because val, test or the shots ask the same, or are
            about one of the same pictures.
    """

    seed: Seed = 0
    """Chooses what is drawn, such as val, and what a limit leaves, >= 0."""
    limit: CountFromOne | None = None
    """The most items of each split, >= 1; None = all."""
    test_limit: CountFromOne | None = None
    """The most items of test, >= 1; None = as ``limit``."""

    def divide(
        self,
        version: str,
        problems: Iterable[Sequence[Problem]],
        val_per_cell: int,
        shots: int = 0,
    ) -> ProblemSplits:
        """Divide the problems of ``train`` and ``test``, and name the task by the choice.

        ``val`` and the shots are drawn from ``train``; a smaller val or limit is part of a larger.
        All cells draw from the same pictures for val, so that few others are kept out of train.

        Args:
            version: the beginning of the name.
            problems: those of ``train`` and those of ``test``.
            val_per_cell: validation items of each cell, >= 1; fewer where a cell has fewer.
            shots: worked problems that every prompt shows, taken out of train, >= 0.

        Raises:
            ConfigError: if nothing would be left of a split.
        """
        train, test = problems
        _name_repeated(test)
        pool = _without(train, test)
        val = [
            p for cell in _cells(pool) for p in draw(cell, val_per_cell, self.seed, by_picture=True)
        ]
        rest = _without(pool, val)
        shown = draw(rest, shots, self.seed)
        kept = _without(rest, shown)
        if not kept or not val:
            raise ConfigError(
                f"{'train' if val else 'val'} is empty: of {len(train)} items in the train split, "
                f"{len(pool)} are not in test, {len(val)} go to val and {len(shown)} are shots; "
                "lower val_per_cell (val_size) or shots, or give more items"
            )
        parts = {"limit": self.limit, "test": self.test_limit, "shots": shots or None}
        extra = "".join(f"-{part}{value}" for part, value in parts.items() if value is not None)
        self.name = f"{version}-val{val_per_cell}-seed{self.seed}{extra}"
        self.dropped = len(train) - len(kept) - len(val) - len(shown)
        return ProblemSplits(
            train=draw(kept, self.limit, self.seed),
            val=draw(val, self.limit, self.seed),
            test=draw(test, self.test_limit or self.limit, self.seed),
            shots=shown,
            dropped=self.dropped,
        )


def _name_repeated(problems: Sequence[Problem]) -> None:
    """Warn of items that would count more than once, since published scores count them so."""
    counts = Counter(map(_asked, problems))
    repeated = [p.id for p in problems if counts[_asked(p)] > 1]
    if repeated:
        warnings.warn(
            f"{len(repeated)} items of test have the text of another and count as often as they "
            f"are there: {', '.join(repeated[:6])}; remove all but one of each from the file",
            stacklevel=2,
        )


def _without(problems: Sequence[Problem], others: Sequence[Problem]) -> list[Problem]:
    """The problems that ask what none of the others does, however it is spaced or capitalised.

    Where there are pictures, those of which none is in one of the others, whatever is asked.
    """
    taken = {known for p in others for known in _known_by(p)}
    return [p for p in problems if taken.isdisjoint(_known_by(p))]


def _known_by(problem: Problem) -> tuple[str, ...]:
    return problem.images or _asked(problem)


def _asked(problem: Problem) -> tuple[str, ...]:
    """The text in a normal form, and the pictures."""
    text = " ".join(unicodedata.normalize("NFKC", problem.text).casefold().split())
    return (text, *problem.images)


def _cells(problems: Sequence[Problem]) -> list[list[Problem]]:
    """The problems of each cell, cells in alphabetical order."""
    cells: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.cell is not None:
            cells[problem.cell].append(problem)
    return [cells[name] for name in sorted(cells)]


def draw(
    problems: Sequence[Problem], most: int | None, seed: int, *, by_picture: bool = False
) -> tuple[Problem, ...]:
    """Draw at most ``most`` problems in their order; groups stay whole, at least one of them.

    Each draws a lot of its own, so that more items, or fewer, do not change the lots of others.

    Args:
        problems: those to draw from.
        most: how many; None = all.
        seed: decides the lots, >= 0.
        by_picture: whether first pictures are drawn, and then problems about them.
    """
    if most is None or len(problems) <= most:
        return tuple(problems)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, problem in enumerate(problems):
        first = problem.images[:1] if by_picture else ()
        groups[*first, problem.group or problem.id].append(place)
    drawn: list[int] = []
    for names in sorted(groups, key=lambda names: [_lot(n, seed) for n in names]) if most else ():
        if drawn and len(drawn) + len(groups[names]) > most:
            break
        drawn += groups[names]
    return tuple(problems[place] for place in sorted(drawn))


def _lot(name: str, seed: int) -> bytes:
    """A random number that depends on the seed and a name, as of a problem or group, alone."""
    return hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
