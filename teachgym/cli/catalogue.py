"""``teachgym list``: tables of all names, made from the registries and docstrings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teachgym import ENV_IDS
from teachgym.errors import MissingExtraError
from teachgym.registry import Registry, load_attribute, summary

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
        from teachgym.report.tables import rich_rows

        rows = [self.columns, *self.rows()]
        if self.columns[-1] == "from" and all(row[-1] == "built-in" for row in rows[1:]):
            rows = [row[:-1] for row in rows]
        return rich_rows(rows, title=title, words=self.columns)


def _told(tell: Callable[[str], str], name: str) -> str:
    """The text about a name, or why there is none: a package of somebody else may be broken."""
    try:
        return tell(name)
    except Exception as error:
        return f"cannot be loaded: {error}"


def _rows(registry: Registry) -> Rows:
    names = registry.names
    return ((name, _told(registry.describe, name), registry.origin(name)) for name in names)


def _env_rows() -> Rows:
    return ((full_id, summary(load_attribute(path))) for full_id, path in ENV_IDS.items())


def _teacher_rows() -> Rows:
    from teachgym.agents import TEACHERS

    for name in TEACHERS.names:
        entry = TEACHERS.get(name)
        places, observes = (entry.places, entry.observes) if entry else ("any", None)
        yield name, places, _told(_teacher_text, name), observes or "", TEACHERS.origin(name)


def _teacher_text(name: str) -> str:
    from teachgym.agents import REQUIRED, teacher_entry, teacher_settings

    does = teacher_entry(name).description
    try:
        settings = teacher_settings(name)
    except MissingExtraError as error:
        return f"{does}\n{error}"
    texts = (key if value is REQUIRED else f"{key}={value}" for key, value in settings.items())
    return "\n".join(filter(None, [does, ", ".join(texts)]))


def _student_rows() -> Rows:
    from teachgym.students import LANGUAGE_MODELS, STUDENTS

    yield from _rows(STUDENTS)
    yield from ((*row, "built-in") for row in LANGUAGE_MODELS.items())
    yield "PATH or HUB ID", "Any Hugging Face causal language model, adapter or GGUF file.", ""


def _source_rows() -> Rows:
    from teachgym.skills.sources import SOURCES

    yield from _rows(SOURCES)
    yield "clusters-N", "N clusters of examples with similar texts, in train and val.", "built-in"
    yield "PATH", "A skill file, as `teachgym discover` writes it.", ""


def _suite_rows() -> Rows:
    from teachgym.benchmarks.bench.suites import SUITES, make_suite

    def shape(name: str) -> str:
        suite = make_suite(name)
        return f"{suite.description}; {len(suite.arms)} arms, {suite.seeds} seeds"

    yield from ((name, _told(shape, name), SUITES.origin(name)) for name in SUITES.names)


def _kind(path: str, what: str) -> Listing:
    """The table of a kind whose parts their docstrings describe."""
    return Listing(("name", what, "from"), lambda: _rows(load_attribute(path)))


LISTINGS = {
    "envs": Listing(("id", "what it is"), _env_rows),
    "teachers": Listing(
        ("name", "for", "what it does; its settings", "what it observes", "from"), _teacher_rows
    ),
    "students": Listing(("name", "what it is", "from"), _student_rows),
    "tasks": _kind("teachgym.tasks:TASKS", "what is taught"),
    "engines": _kind("teachgym.engines:ENGINES", "how it fills orders"),
    "proposers": _kind("teachgym.forest.proposers:PROPOSERS", "how it finds subskills"),
    "trainers": _kind("teachgym.training:TRAINERS", "how it trains the student"),
    "losses": _kind("teachgym.training.losses:LOSSES", "what training minimises"),
    "evaluators": _kind("teachgym.evaluation:EVALUATORS", "how it measures the student"),
    "checks": _kind("teachgym.gate.checks:CHECKS", "what it rejects"),
    "skills": Listing(("name", "which skills the teacher sees", "from"), _source_rows),
    "rewards": _kind("teachgym.rewards:REWARDS", "what a step earns"),
    "chat": _kind("teachgym.chat.settings:CHAT_MODELS", "where answers come from"),
    "trackers": _kind("teachgym.runs.trackers.settings:TRACKERS", "where metrics go"),
    "suites": Listing(("name", "what is compared", "from"), _suite_rows),
}
"""The tables of ``teachgym list``, by name."""
