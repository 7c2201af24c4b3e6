"""Small data sets in the formats of GSM8K and MATH, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]

TYPES = ("Algebra", "Counting & Probability")
LEVELS = ("Level 1", "Level 3", "Level ?")


def gsm8k_rows(count: int, first: int = 0) -> Rows:
    """Problems whose answers are 2n, of two steps."""
    return [
        {
            "question": f"Ann has {n} hens and buys {n} more. How many has she?",
            "answer": f"She has {n} hens.\n{n}+{n}=<<{n}+{n}={2 * n}>>{2 * n} hens.\n#### {2 * n}",
        }
        for n in range(first, first + count)
    ]


def math_rows(per_cell: int, first: int = 0) -> Rows:
    """Problems of each of ``TYPES`` and ``LEVELS``; the answers are halves."""
    return [
        {
            "problem": f"What is half of ${n}$, in {topic} of {level}?",
            "level": level,
            "type": topic,
            "solution": f"Half of ${n}$ is $\\boxed{{\\frac{{{n}}}{{2}}}}$.",
        }
        for topic in TYPES
        for level in LEVELS
        for n in range(first + 1, first + 1 + per_cell)
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_table(path: Path, rows: Rows) -> Path:
    """Write Parquet."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def gsm8k_folder(folder: Path, train: int = 12, test: int = 5) -> Path:
    """A folder with GSM8K's two files."""
    write_lines(folder / "train.jsonl", gsm8k_rows(train))
    write_lines(folder / "test.jsonl", gsm8k_rows(test, first=train))
    return folder


def math_folder(folder: Path, train: int = 5, test: int = 2) -> Path:
    """A folder with MATH's two files; so many problems in each cell."""
    write_lines(folder / "train.jsonl", math_rows(train))
    write_lines(folder / "test.jsonl", math_rows(test, first=train))
    return folder
