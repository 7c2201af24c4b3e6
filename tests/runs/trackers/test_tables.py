"""Tables of a run: rows in order, evenly spread, and how many there were."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.records import example_to_json
from teachgym.runs.checkpoints import write_report
from teachgym.runs.files import append_lines, write_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.trackers.tables import Table, spread, tables
from teachgym.types import Example, Prediction, Provenance, Report


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    """Two rounds: in each one example is accepted and one kept out; step 2 was the best."""
    run = RunFolder.create(tmp_path / "run", {})
    taught = [
        Example(f"{i} + 1 = ", str(i + 1), "add", f"t{i}", "teacher", provenance=made)
        for i, made in enumerate((Provenance(teacher="weakest", step=r) for r in (1, 2)), 1)
    ]
    for step, loss in ((1, 0.25), (2, None)):
        Journal(run.journal).append("step", step=step, losses=[loss], metrics={"accepted": 1})
    append_lines(run.examples, map(example_to_json, taught))
    out = example_to_json(Example("1 + 1 = ", "3", "add", "wrong", "teacher"))
    append_lines(
        run.rejected,
        ({"step": r, "reason": "answer", "detail": "3 is wrong", "example": out} for r in (1, 2)),
    )
    item = Example("2 + 2 = ", "4", "add", "v1", difficulty=0.5)
    right, wrong = Prediction(item, "4", 1.0), Prediction(item, "5", 0.0)
    write_report(run.val_predictions(1), Report((right,), "val"))
    write_report(run.val_predictions(2), Report((right, wrong), "val"))
    write_report(run.test_predictions("best"), Report((right,), "test"))
    write_json(run.result, {"best_step": 2})
    return run


def test_a_run_has_three_tables(finished: RunFolder) -> None:
    examples, val, test = tables(finished, limit=10)
    assert (examples.name, examples.of) == ("examples", 4)
    rows = [dict(zip(examples.columns, row, strict=True)) for row in examples.rows]
    assert [(row["step"], row["verdict"], row["id"]) for row in rows] == [
        (1, "accepted", "t1"),
        (1, "answer", "wrong"),
        (2, "accepted", "t2"),
        (2, "answer", "wrong"),
    ]
    assert [row["teacher"] for row in rows] == ["weakest", None, "weakest", None]
    assert [row["loss"] for row in rows] == [0.25, None, None, None]
    assert [row["detail"] for row in rows] == [None, "3 is wrong", None, "3 is wrong"]
    assert val == Table(
        "errors/val", val.columns, (("add", 0.5, "2 + 2 = ", "4", "5", 0.0, "v1"),), 1
    )
    assert (test.rows, test.of) == ((), 0)


def test_a_long_table_is_cut_and_says_how_long_it_was(finished: RunFolder) -> None:
    examples, *_ = tables(finished, limit=2)
    assert [row[:2] for row in examples.rows] == [(1, "accepted"), (2, "accepted")]
    assert examples.of == 4
    assert [len(table.rows) for table in tables(finished, limit=0)] == [0, 0, 0]


@given(st.integers(0, 60), st.integers(0, 60))
def test_rows_are_evenly_spread(n: int, limit: int) -> None:
    """Neighbours are n / limit apart, rounded up or down; the first is always there."""
    kept = spread(range(n), limit)
    assert len(kept) == min(n, limit)
    assert kept[:1] == ((0,) if kept else ())
    steps = {b - a for a, b in itertools.pairwise(kept)}
    if kept:
        assert steps <= {n // len(kept), -(-n // len(kept))}
