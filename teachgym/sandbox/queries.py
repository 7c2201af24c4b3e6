"""SQL queries that students write, run in memory: they read the given tables, and that is all.

A query that would do anything else, or too much, gives no rows: SQLite itself asks before every
access, and can be interrupted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

Tables = Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]
"""Names of tables to the names of their columns and their rows; texts that read like numbers are
numbers. Names are put into SQL as they are."""
Rows = tuple[tuple[Any, ...], ...] | None
"""The result of a query; None = there is none, or it was not let finish."""

MOST_ROWS = 100
"""Rows that a result may have."""
_LIMITS = {sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1000, sqlite3.SQLITE_LIMIT_LENGTH: 10_000}
_MOST_STEPS = 200_000
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
_FUNCTIONS = ("abs", "avg", "coalesce", "count", "length", "like", "max", "min", "round", "sum")

# SQLite expands every use of a common table expression before it can be interrupted: some in each
# other take for ever.
_EXPANDED = re.compile(r"\bwith\b", re.IGNORECASE)


@contextmanager
def database(tables: Tables) -> Iterator[Callable[[str], Rows]]:
    """A function that runs a query on these tables, for use in this thread.

    Example:
        >>> with database({"staff": (("id", "pay"), [(1, 5), (2, 7)])}) as run:
        ...     run("SELECT max(pay) FROM staff"), run("DROP TABLE staff")
        (((7,),), None)
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, (columns, rows) in tables.items():
            connection.execute(f"CREATE TABLE {name} ({' NUMERIC, '.join(columns)} NUMERIC)")
            places = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
        for limit, most in _LIMITS.items():
            connection.setlimit(limit, most)
        connection.set_progress_handler(lambda: 1, _MOST_STEPS)
        connection.set_authorizer(_authorise)
        yield lambda sql: _rows(connection, sql)


def _rows(connection: sqlite3.Connection, sql: str) -> Rows:
    try:
        if _EXPANDED.search(sql):
            return None
        with closing(connection.execute(sql)) as cursor:
            rows = tuple(cursor.fetchmany(MOST_ROWS + 1))
            return rows if cursor.description and len(rows) <= MOST_ROWS else None
    except (sqlite3.Error, sqlite3.Warning, ValueError):
        return None


def _authorise(action: int, first: str | None, second: str | None, *_: object) -> int:
    """Allow reading, and calls of the functions above, whose name comes second."""
    is_known = action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS
    return sqlite3.SQLITE_OK if action in _READING or is_known else sqlite3.SQLITE_DENY
