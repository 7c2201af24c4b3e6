"""``broken-queries``: SQL that gives the wrong rows, to be repaired; graded by running it.

One worked example, skill ``limit`` at level 0, with its query on one line: to ::

    staff(id,team,pay,years): 1 1 5 4, 2 2 7 4, 3 2 1 6, 4 1 3 1, 5 2 2 2
    teams(id,city): 1 Rome, 2 Oslo, 3 Rome
    Wanted: sum of pay per city, years from 3, largest first, at most 1.
    SELECT MIN(city),SUM(pay) FROM staff JOIN teams ON staff.team=teams.id
     WHERE years>=3 GROUP BY city ORDER BY 2 DESC,1 LIMIT 2
    It gives Oslo 8, Rome 5.
    Right: Oslo 8.
    SQL:

a right answer is the query with ``LIMIT 1``, or any other that gives the right rows, from these
tables and from larger ones that stay hidden.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations
from typing import TypeVar

import numpy as np

from teachgym.errors import ConfigError
from teachgym.sandbox.queries import Rows, Tables, database
from teachgym.shown import shown
from teachgym.tasks.cells import CellTask, Source
from teachgym.tasks.procedural import MAX_DRAWS, Numbers, numbers_of
from teachgym.tasks.program_tests import read_program
from teachgym.tasks.query_repairs import (
    KINDS,
    PIECES,
    Query,
    edits,
    kinds_between,
    read_sql,
    read_words,
)
from teachgym.tasks.task import only
from teachgym.types import NOT_MEASURED, Brief, Draft, Example, Grade, Skill

LEVELS = 3
"""The most mistakes of a query."""
_COLUMNS = {"staff": ("id", "team", "pay", "years"), "teams": ("id", "city")}
_CITIES = ("Bern", "Bonn", "Kyiv", "Lima", "Oslo", "Rome")
_CELLS = re.compile(r"[0-9A-Za-z ,]+")

BRIEF = Brief(
    domain="exercises in repairing SQL queries",
    problem=(
        "Four lines in the form of the examples: two tables, what is wanted, and the query with "
        "mistakes. What it gives and what would be right is added."
    ),
    solution="",
    answer="The repaired query for SQLite on one line, without WITH, and nothing else.",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Exercise:
    """Tables, the query that is wanted, and one with mistakes."""

    tables: Tables
    wanted: Query
    broken: Query

    @cached_property
    def results(self) -> tuple[Rows, Rows]:
        """The rows that the query with mistakes gives, and the right ones."""
        with database(self.tables) as run:
            return run(self.broken.sql), run(self.wanted.sql)

    @property
    def prompt(self) -> str:
        """The exercise as students see it."""
        gives, right = map(write_rows, self.results)
        lines = [
            f"{name}({','.join(columns)}): {', '.join(' '.join(map(str, row)) for row in rows)}"
            for name, (columns, rows) in self.tables.items()
        ]
        lines += [f"Wanted: {self.wanted.words}.", self.broken.sql]
        return "\n".join([*lines, f"It gives {gives}.", f"Right: {right}.", "SQL:"])


Drawn = tuple[Query, Query, int]
"""The query that is wanted, that with mistakes, and the seed of the tables."""


def write_rows(rows: Rows) -> str:
    """Rows as prompts show them."""
    cells = [["NULL" if cell is None else str(cell) for cell in row] for row in rows or ()]
    return ", ".join(map(" ".join, cells)) or "nothing"


def read_exercise(text: str) -> Exercise | None:
    """The exercise in the first four lines of a text; None if they have another form."""
    *lines, wanted, broken = (text.strip().split("\n") + [""] * 4)[:4]
    tables = {}
    for line, (name, columns) in zip(lines, _COLUMNS.items(), strict=True):
        head, _, cells = line.partition(": ")
        rows = [row.split(" ") for row in cells.split(", ")]
        fits = {len(row) for row in rows} == {len(columns)} and _CELLS.fullmatch(cells)
        if head != f"{name}({','.join(columns)})" or not fits:
            return None
        tables[name] = columns, rows
    meant = read_words(wanted.removeprefix("Wanted: ").removesuffix("."))
    query = read_sql(broken)
    return Exercise(tables, meant, query) if meant and query else None


def draw_tables(staff: int, cities: Sequence[str], numbers: Numbers) -> Tables:
    """Tables of so many people, and of a team in each of the cities."""
    people = zip(numbers(len(cities), staff), numbers(9, staff), numbers(9, staff), strict=True)
    return {
        "staff": (_COLUMNS["staff"], [(i, *(n + 1 for n in p)) for i, p in enumerate(people, 1)]),
        "teams": (_COLUMNS["teams"], list(enumerate(cities, 1))),
    }


_HIDDEN = draw_tables(40, _CITIES * 2, numbers_of(np.random.default_rng(0)))


class BrokenQueries(CellTask[Drawn]):
    """SQL queries with mistakes that are to be repaired, graded by the rows that they give.

    Six skills, each a kind of mistake: at level 0 a query has this one, at 0.5 another one besides,
    at 1 two others. The grade is 1 for the right rows, in the right order, from the tables of the
    exercise and from larger ones that stay hidden; its part ``shown`` is 1 for the former. The
    hidden ones tell the wanted query from all that differ from it in one piece. Words and query
    decide the split, whatever the tables.
    """

    name = "broken-queries-v0"
    skills = tuple(Skill(kind, None, description) for kind, description in KINDS.items())
    levels = tuple(i / (LEVELS - 1) for i in range(LEVELS))
    stop = ("\n\n",)
    brief = BRIEF

    def draw(self, skill: str, level: int, numbers: Numbers) -> Drawn:
        """Draw a query with mistakes, one of them of the skill."""

        def pick(options: Sequence[T]) -> T:
            return options[numbers(len(options), 1)[0]]

        others = list(combinations((kind for kind in KINDS if kind != skill), level))
        free = ("function", "summed", "column", "filter", "order")
        for _ in range(MAX_DRAWS):
            pieces = {name: pick(tuple(PIECES[name])) for name in free}
            wanted = Query(**pieces, bound=pick("2345678"), limit=pick("12"))
            broken = pick(edits(wanted, (skill, *pick(others))))
            if _stands_out(wanted):
                return wanted, broken, numbers(2**31, 1)[0]
        raise ConfigError(f"{MAX_DRAWS} draws of {skill} at {self.levels[level]} gave no query")

    def identity(self, drawn: Drawn) -> str:
        """Words and query, without the tables."""
        wanted, broken, _ = drawn
        return f"{wanted.words}\n{broken.sql}"

    def write(
        self, skill: str, drawn: Drawn, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The example whose target is the wanted query, on tables that show the mistakes."""
        wanted, broken, seed = drawn
        numbers = numbers_of(np.random.default_rng(seed))
        for _ in range(MAX_DRAWS):
            cities = [_CITIES[n] for n in numbers(len(_CITIES), 3)]
            exercise = Exercise(draw_tables(5, cities, numbers), wanted, broken)
            gives, right = exercise.results
            if right and gives != right:
                return Example(exercise.prompt, wanted.sql, skill, id, source, difficulty)
        raise ConfigError(f"{MAX_DRAWS} drawn tables show nothing wrong in {broken.sql}")

    def grade(self, example: Example, response: str) -> float | Grade:
        """1 for a query that gives the right rows; nan for a prompt of another form."""
        if (exercise := read_exercise(example.prompt)) is None:
            return NOT_MEASURED
        shown_right = _is_right(response, exercise.wanted, exercise.tables)
        right = shown_right and _is_right(response, exercise.wanted, _HIDDEN)
        return Grade(float(right), {"shown": float(shown_right)})

    def verify(self, example: Example) -> float:
        """1 if the target is right and the prompt says what its queries give."""
        exercise = read_exercise(example.prompt)
        is_true = exercise is not None and exercise.prompt == example.prompt
        return super().verify(example) if is_true else 0.0

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The kinds of mistakes in the query of a prompt."""
        exercise = read_exercise(prompt)
        return frozenset(kinds_between(exercise.wanted, exercise.broken) if exercise else ())

    def skill_of(self, prompt: str) -> str | None:
        """The kind of mistake, if there is one alone."""
        return only(self.skills_of(prompt))

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example of a draft, with what its queries give.

        Raises:
            ConfigError: for a draft without an answer, or whose problem has another form.
        """
        exercise, answer = read_exercise(draft.problem), read_program(draft.answer).strip()
        if exercise is None or not answer:
            raise ConfigError(
                f"a draft needs an exercise and a query, got {shown(draft.problem, 80)} and "
                f"{shown(draft.answer, 80)}"
            )
        plain = replace(draft, problem=exercise.prompt, answer=answer)
        return super().compose(plain, skill, difficulty)


def _is_right(response: str, wanted: Query, tables: Tables) -> bool:
    """Whether the response gives the rows of the wanted query."""
    with database(tables) as run:
        rows = run(read_program(response))
        return rows is not None and rows == run(wanted.sql)


@lru_cache(2**12)
def _stands_out(wanted: Query) -> bool:
    """Whether the hidden tables tell the query from all that differ from it in one piece."""
    near = (edit for kind in KINDS for edit in edits(wanted, (kind,)))
    with database(_HIDDEN) as run:
        rows = run(wanted.sql)
        return all(run(query.sql) != rows for query in near)
