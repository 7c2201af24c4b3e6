"""The comparison from the command line, on the simulated student."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from teachgym.benchmarks import compare as program
from teachgym.benchmarks.compare import Cell, read_outcomes, results_path, run_cell

COMMAND = ["compare", "--student", "simulated", "--workers", "1", "--seeds", "2"]
TEACHERS = ["--teachers", "uniform", "oracle"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [*COMMAND, *arguments])
    program.main()


def test_a_comparison_is_written_shown_and_not_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--out", str(tmp_path), *TEACHERS)
    path = results_path("simulated", tmp_path)
    first = path.read_text()
    assert len(read_outcomes(path)) == 4
    assert "| uniform |" in capsys.readouterr().out
    assert path.with_suffix(".md").exists()
    run(monkeypatch, "--out", str(tmp_path), *TEACHERS)
    assert path.read_text() == first


def test_agreement_is_printed_for_two_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--out", str(tmp_path), *TEACHERS)
    run(monkeypatch, "--out", str(tmp_path), "--agreement", "simulated", "simulated")
    assert "rank correlation of teachers: +1.000" in capsys.readouterr().out


def test_equal_cells_have_equal_outcomes_within_the_budget() -> None:
    cell = Cell("simulated", "weakest", 3)
    first, second = run_cell(cell), run_cell(cell)
    assert first.test_after == second.test_after
    assert first.area == second.area
    assert first.examples <= program.BUDGET["examples"]
