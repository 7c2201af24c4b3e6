"""Any dataset of reasoning-gym as a task: one leaf skill per dataset, graded by its own grader.

One worked example, of ``leg_counting`` at level 0.0: the prompt ends in "how many legs are
there in total if you have 4 ants?", the target is ``24``.

Source: Stojanovski et al. 2025, "Reasoning Gym", arXiv 2505.24760; package ``reasoning-gym``,
optional extra of the same name.
"""

from __future__ import annotations

import inspect
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np

from teachgym.errors import ConfigError, UnknownSkillError, missing_extra, require_known, unknown
from teachgym.metrics import nearest_level
from teachgym.settings import Few, Like, Seed, checked
from teachgym.streams import draw_seed
from teachgym.tasks.cells import PerCell
from teachgym.tasks.procedural import (
    MAX_DRAWS,
    draw_distinct,
    draw_in_split,
    item_rng,
    pick,
)
from teachgym.tasks.reasoning_gym_answers import STAND_INS
from teachgym.tasks.reasoning_gym_tables import (
    EXCLUDED,
    FIRST_LEVELS,
    FLAWED,
    LAST_LEVELS,
    REPAIRS,
    SETTINGS,
)
from teachgym.tasks.task import Task
from teachgym.types import Example, Skill, Split

_CANNOT_MAKE = (AssertionError, ValueError, TypeError, RuntimeError, IndexError)
"""The errors that datasets raise when a configuration is impossible or a draw comes to nothing."""

_CANNOT_READ = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
"""The errors that graders raise on a response that they cannot parse, which is then wrong."""

_ITEMS = 1000
"""Size of each dataset. The items of a few are drawn when it is built, and so are finite."""

Entry = dict[str, Any]
"""An item of reasoning-gym: ``question``, ``answer`` and ``metadata``."""


def offered_datasets(*, accept_flaws: bool = False) -> tuple[str, ...]:
    """Names of the datasets that can be a task, in alphabetical order.

    Args:
        accept_flaws: whether to include those of ``FLAWED``.

    Raises:
        MissingExtraError: if reasoning-gym is not installed.
    """
    refused = EXCLUDED if accept_flaws else {**EXCLUDED, **FLAWED}
    return tuple(sorted(_registry().DATASETS.keys() - refused.keys()))


@dataclass(frozen=True)
class Cell:
    """A dataset at one level."""

    name: str
    level: int
    """Counted from 0."""
    difficulty: float
    """In [0, 1]."""
    dataset: Any
    """The ``reasoning_gym`` dataset, configured for the level."""

    def entry(self, key: int) -> Entry | None:
        """Item number ``key`` in [0, 2**31), always the same; None if it cannot be made.

        An item whose own answer the grader does not give full marks is none.
        """
        # Datasets take their randomness from one of the two seeds, or from the item's number.
        self.dataset.seed = self.dataset.config.seed = key
        try:
            with _undisturbed(key):
                entry: Entry = self.dataset[key % _ITEMS]
        except _CANNOT_MAKE:
            return None
        if self.name in STAND_INS:
            entry["answer"] = STAND_INS[self.name](entry["metadata"])
        entry["answer"] = str(entry["answer"])
        right = entry["answer"].strip() and self.score(entry, entry["answer"]) == 1
        return entry if right else None

    def draw(self, rng: np.random.Generator) -> Example:
        """A random item as an example.

        Raises:
            ConfigError: if none of ``MAX_DRAWS`` items can be made.
        """
        for _ in range(MAX_DRAWS):
            key = draw_seed(rng)
            if (entry := self.entry(key)) is not None:
                return Example(
                    entry["question"],
                    entry["answer"],
                    self.name,
                    f"{self.name}/{self.level}/{key}",
                    difficulty=self.difficulty,
                )
        raise ConfigError(f"{self.name} cannot make an item of level {self.level}; leave it out")

    def score(self, entry: Entry, response: str) -> float:
        """The dataset's own score of a response, clipped to [0, 1]; 0 if it cannot be read."""
        try:
            return min(1.0, max(0.0, float(self.dataset.score_answer(response, entry))))
        except _CANNOT_READ:
            return 0.0


class ReasoningGymTask(Task):
    """Datasets of reasoning-gym, each a leaf skill under its category.

    Level l of ``levels``, difficulty l / (levels - 1), is the dataset's curriculum with every
    attribute at its level l; a few datasets start higher, because their easiest levels have too
    few different prompts. As in the package, a level includes the easier ones. Levels that the
    package cannot configure are left out, as are those whose items can take minutes to make, and
    a dataset without a curriculum has level 0 alone, with its default configuration. High levels
    can be slow to make.

    An example is a function of its id, which is how the grader finds what it needs to know about
    it; examples without an id are graded by comparison with their target.

    Args:
        datasets: a name or several; see ``offered_datasets``.
        seed: >= 0; chooses the items of each split.
        accept_flaws: whether datasets of ``FLAWED`` may be among them. Some of their graders run
            what the student writes as Python code.
        levels: the most levels, >= 1.
        items: fields of ``teachgym.tasks.cells.PerCell``; a skill is a dataset.

    Raises:
        MissingExtraError: if reasoning-gym is not installed.
        ConfigError: for a dataset that cannot be a task, or has a flaw that is not accepted, or
            a setting out of range.
    """

    @checked
    def __init__(
        self,
        datasets: str | Sequence[str] = "leg_counting",
        *,
        seed: Seed = 0,
        accept_flaws: bool = False,
        levels: Few = 3,
        **items: Annotated[Any, Like(PerCell)],
    ) -> None:
        names = (datasets,) if isinstance(datasets, str) else tuple(dict.fromkeys(datasets))
        _check_names(names, accept_flaws)
        self.name = f"reasoning-gym-{version('reasoning-gym')}"
        self.seed = seed
        self._items = PerCell(**items)
        self._cells = {name: tuple(_cells(name, levels)) for name in names}
        self.skills = tuple(_skills(self._cells))
        self.levels = tuple(sorted({c.difficulty for cs in self._cells.values() for c in cs}))
        self._splits: dict[Split, tuple[Example, ...]] = {}
        self._entries: dict[str, Entry] = {}

    def examples(self, split: Split) -> Sequence[Example]:
        """All examples of a split, by dataset and then by level; made on first use.

        Raises:
            ConfigError: if a level has too few different prompts.
        """
        if split not in self._splits:
            cells = enumerate(self._cells.values())
            self._splits[split] = tuple(e for i, own in cells for e in self._drawn(i, own, split))
        return self._splits[split]

    def _drawn(self, index: int, cells: Sequence[Cell], split: Split) -> Iterator[Example]:
        """Items of each level of a dataset; what two levels can make is taken once."""
        taken: set[str] = set()
        for cell in cells:
            draw = partial(cell.draw, item_rng(self.seed, split, index, cell.level))
            try:
                found = draw_distinct(draw, split, self._items.per_cell(split), taken=taken)
            except ConfigError as error:
                raise ConfigError(
                    f"{cell.name} level {cell.level}: {error}; lower {split}_per_cell or leave it "
                    "out"
                ) from error
            taken.update(example.prompt for example in found)
            yield from (replace(example, source="task") for example in found)

    def grade(self, example: Example, response: str) -> float:
        """The score that the dataset's grader gives, clipped to [0, 1].

        An example that no dataset has made, which its id tells, is compared with its target.
        """
        if (made_by := self._maker(example.id)) is None:
            return float(response.strip() == example.target.strip())
        cell, key = made_by
        if example.id not in self._entries:
            entry = cell.entry(key)
            if entry is None:
                return float(response.strip() == example.target.strip())
            self._entries[example.id] = entry
        # The example's own answer: made again, an item of a flawed dataset may have another.
        return cell.score({**self._entries[example.id], "answer": example.target}, response)

    def verify(self, example: Example) -> float:
        """Always 1: examples with an id come from their dataset, and others cannot be checked.

        Asking the grader would mean to make every item again.
        """
        return 1.0

    def _maker(self, id_: str) -> tuple[Cell, int] | None:
        """The cell and number in an id of this task; None for any other text."""
        name, _, rest = id_.partition("/")
        level, _, key = rest.partition("/")
        if not (level.isdecimal() and key.isdecimal()):
            return None
        cells = (c for c in self._cells.get(name, ()) if c.level == int(level))
        cell = next(cells, None)
        return None if cell is None else (cell, int(key))

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """A training example."""
        if skill not in self._cells:
            raise UnknownSkillError(unknown("leaf skill", skill, self._cells))
        cells = self._cells[skill]
        if difficulty is None:
            cell = pick(cells, rng)
        else:
            cell = cells[nearest_level([c.difficulty for c in cells], difficulty)]
        return draw_in_split(lambda: cell.draw(rng), "train")


@cache
def _registry() -> Any:
    """The module ``reasoning_gym.factory`` with every dataset registered."""
    try:
        import reasoning_gym  # noqa: F401
        from reasoning_gym import factory
    except ImportError as error:
        raise missing_extra("reasoning-gym", "reasoning-gym") from error
    return factory


def _cells(name: str, levels: int) -> Iterator[Cell]:
    """The levels of a dataset's curriculum that work, or one with the default configuration."""
    settings = {"seed": 0, "size": _ITEMS, **SETTINGS.get(name, {})}
    found = False
    for level, config in enumerate(_configs(name, levels, settings)):
        try:
            dataset = _dataset(name, config)
        except AssertionError:  # How configurations say that they are impossible.
            continue
        found = True
        yield Cell(name, level, level / max(1, levels - 1), dataset)
    if not found:
        _, config_class = _registry().DATASETS[name]
        yield Cell(name, 0, 0.0, _dataset(name, config_class(**settings)))


def _dataset(name: str, config: Any) -> Any:
    dataset_class, _ = _registry().DATASETS[name]
    dataset = dataset_class(config)
    if name in REPAIRS:
        REPAIRS[name](dataset)
    return dataset


def _configs(name: str, levels: int, settings: Mapping[str, int]) -> Iterator[Any]:
    """The configurations of the first global levels of a dataset's curriculum, if it has one."""
    if not _registry().has_curriculum(name):
        return
    curriculum = _registry().create_curriculum(name)
    depth = max((len(a.levels) for a in curriculum.attributes.values()), default=1)
    first, last = FIRST_LEVELS.get(name, 0), LAST_LEVELS.get(name, depth - 1)
    for level in range(first, min(first + levels, last + 1)):
        curriculum.set_global_level(level)
        yield curriculum.generate_configuration(settings)


def _skills(cells: Mapping[str, Sequence[Cell]]) -> Iterator[Skill]:
    """A root for each category, and the datasets under it."""
    categories = {name: cs[0].dataset.category for name, cs in cells.items()}
    for category in dict.fromkeys(categories.values()):
        yield Skill(category, description=f"Datasets of the category {category}.")
    for name, category in categories.items():
        documentation = inspect.getdoc(type(cells[name][0].dataset)) or name
        yield Skill(name, category, documentation.splitlines()[0])


def _check_names(names: Sequence[str], accept_flaws: bool) -> None:
    if not names:
        raise ConfigError("datasets is empty; name at least one of offered_datasets()")
    require_known("reasoning-gym dataset", names, _registry().DATASETS)
    excluded = [f"{name} ({EXCLUDED[name]})" for name in names if name in EXCLUDED]
    if excluded:
        raise ConfigError(f"{', '.join(excluded)} cannot be a task; choose from offered_datasets()")
    flawed = [f"{name} ({FLAWED[name]})" for name in names if name in FLAWED]
    if flawed and not accept_flaws:
        raise ConfigError(
            f"{', '.join(flawed)}; choose from offered_datasets(), or say accept_flaws=True"
        )


@contextmanager
def _undisturbed(seed: int) -> Iterator[None]:
    """Seed Python's and numpy's global generators, and put them back afterwards; print nothing.

    A few datasets draw from them, which must neither make items differ nor disturb anyone else,
    and a few print.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
