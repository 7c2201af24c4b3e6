"""``teachgym list``: what can be named, as tables made from the registries and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from teachgym import ENV_IDS
from teachgym.errors import MissingExtraError

if TYPE_CHECKING:
    from rich.table import Table

Rows = Iterable[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A table that is made when it is asked for."""

    columns: tuple[str, ...]
    rows: Callable[[], Rows]

    def table(self, title: str) -> Table:
        """The table to print with rich."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        first, *others = self.columns
        table.add_column(first, no_wrap=True)
        for column in others:
            table.add_column(column)
        for row in self.rows():
            table.add_row(*map(Text, row))
        return table


STUDENTS = (
    ("simulated", "A calibrated table of skills: milliseconds per step, no torch."),
    ("tiny", "A real transformer that ships with teachgym: seconds per step on a CPU."),
    ("smollm2", "SmolLM2-135M-Instruct, from the extra of that name."),
    ("PATH or HUB ID", "Any Hugging Face causal language model, adapter or GGUF file."),
)


def _env_rows() -> Rows:
    return ((full_id, _summary(_load(path))) for full_id, path in ENV_IDS.items())


def _teacher_rows() -> Rows:
    from teachgym.agents import TEACHERS

    for name, entry in TEACHERS.items():
        yield name, ", ".join(entry.kinds), entry.description, _teacher_settings(name)


def _teacher_settings(name: str) -> str:
    from teachgym.agents import REQUIRED, teacher_settings

    try:
        settings = teacher_settings(name)
    except MissingExtraError as error:
        return str(error)
    return ", ".join(
        key if default is REQUIRED else f"{key}={default}" for key, default in settings.items()
    )


def _task_rows() -> Rows:
    from teachgym.tasks import TASKS

    return ((name, _summary(_load(path))) for name, path in TASKS.items())


def _engine_rows() -> Rows:
    from teachgym.engines import ENGINES

    return ((name, _summary(engine)) for name, engine in ENGINES.items())


def _reward_rows() -> Rows:
    from teachgym.rewards import REWARDS, make_reward

    return ((name, _summary(make_reward(name))) for name in REWARDS)


def _suite_rows() -> Rows:
    from teachgym.benchmarks.suites import SUITES

    for name, make in SUITES.items():
        suite = make()
        yield name, f"{suite.description}; {len(suite.arms)} arms, {suite.seeds} seeds"


LISTINGS = {
    "envs": Listing(("id", "what it is"), _env_rows),
    "teachers": Listing(("name", "for", "what it does", "settings"), _teacher_rows),
    "students": Listing(("name", "who is taught"), lambda: STUDENTS),
    "tasks": Listing(("name", "what is taught"), _task_rows),
    "engines": Listing(("name", "how orders are filled"), _engine_rows),
    "rewards": Listing(("name", "what a step pays"), _reward_rows),
    "suites": Listing(("name", "what is compared"), _suite_rows),
}
"""What ``teachgym list`` knows, by name."""


def _summary(documented: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0].replace("``", "")


def _load(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
