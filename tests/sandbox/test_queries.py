"""Queries that read run; whatever else a student may write gives no rows, and soon."""

from __future__ import annotations

import time

import pytest

from teachgym.sandbox.queries import MOST_ROWS, Tables, database

STAFF: Tables = {
    "staff": (("id", "team", "pay"), [("1", "a", "5"), ("2", "b", "7"), ("3", "b", "1")]),
    "digits": (("n",), [(n,) for n in range(10)]),
}
NESTED = ", ".join(f"a{i + 1} AS (SELECT 1 FROM a{i}, a{i})" for i in range(25))


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT team, sum(pay) FROM staff GROUP BY team ORDER BY team", (("a", 5), ("b", 8))),
        ("select count(*) from staff where pay > 4;", ((2,),)),
        ("SELECT id FROM staff WHERE team LIKE 'B' ORDER BY 1 -- a comment", ((2,), (3,))),
        ("SELECT pay FROM staff WHERE pay > (SELECT avg(pay) FROM staff)", ((5,), (7,))),
        ("SELECT id FROM staff WHERE id > 3", ()),
    ],
)
def test_what_reads_gives_its_rows(sql: str, rows: object) -> None:
    with database(STAFF) as run:
        assert run(sql) == rows


@pytest.mark.parametrize(
    "sql",
    [
        *("", " ", "-- nothing", "Alice", "SELECT", "SELECT pay FROM teams", "SELECT \0", "\ud800"),
        *("DELETE FROM staff", "DROP TABLE staff", "CREATE TABLE t (a)", "PRAGMA user_version"),
        *("ATTACH 'secret.db' AS s", "VACUUM INTO 'copy.db'", "BEGIN", "UPDATE staff SET pay = 9"),
        "SELECT 1; DROP TABLE staff",
        *("SELECT random()", "SELECT date('now')", "SELECT load_extension('x')"),
        *("SELECT readfile('/etc/passwd')", "SELECT zeroblob(1000000000)"),
        "SELECT replace(hex(zeroblob(9000)), '0', 'ab')",
        f"SELECT 1{' ' * 1000}",
        f"SELECT {'(' * 400}1{')' * 400}",
        f"SELECT 1 FROM {', '.join(f'digits d{i}' for i in range(3))}",  # 1,000 rows
        f"SELECT count(*) FROM {', '.join(f'digits d{i}' for i in range(9))}",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        f"WITH a0 AS (SELECT 1 FROM staff), {NESTED} SELECT 1 FROM a25",
        "SELECT * FROM staff WHERE id IN (SELECT i FROM (WITH a AS (SELECT 1 AS i) SELECT i))",
    ],
)
def test_anything_else_gives_none_and_leaves_the_tables_alone(sql: str) -> None:
    before = time.process_time()
    with database(STAFF) as run:
        assert run(sql) is None
        assert run("SELECT count(*), sum(pay) FROM staff") == ((3, 13),)
    assert time.process_time() - before < 10  # For ever, where nothing bounds it.


def test_a_result_may_have_so_many_rows() -> None:
    with database(STAFF) as run:
        pairs = run("SELECT a.n, b.n FROM digits a, digits b")
        assert pairs is not None
        assert len(pairs) == MOST_ROWS
        assert run("SELECT 1 FROM digits a, digits b UNION ALL SELECT 1") is None
