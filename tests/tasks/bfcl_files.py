"""Files in the form of bfcl-eval's, with 4 items of each of four categories."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

AREA = {
    "name": "shape.area",
    "description": "Calculate the area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "integer", "description": "The base."},
            "height": {"type": "float", "description": "The height."},
            "unit": {"type": "string", "description": "Default is cm."},
        },
        "required": ["base", "height"],
    },
}
SORT = {
    "name": "sort_list",
    "description": "Sort a list.",
    "parameters": {
        "type": "dict",
        "properties": {"items": {"type": "array", "items": {"type": "string"}}},
        "required": ["items"],
    },
}


def area(base: int) -> dict[str, Any]:
    """The possible answer of the area of a triangle."""
    return {"shape.area": {"base": [base], "height": [5.0], "unit": ["", "cm"]}}


def write_files(folder: Path, version: str = "v4", count: int = 4) -> Path:
    """The files of four categories, ``count`` items each."""
    python = "_python" if version == "v4" else ""
    rows: dict[str, list[tuple[list[Any], str, list[Any]]]] = {
        f"simple{python}": [
            ([AREA], f"Area of base {n} and height 5?", [area(n)]) for n in range(count)
        ],
        "multiple": [
            ([SORT, AREA], f"Area of base {n} and height 5, please.", [area(n)])
            for n in range(count)
        ],
        "parallel": [
            ([AREA], f"Areas of bases {n} and {n + 1}, height 5?", [area(n), area(n + 1)])
            for n in range(count)
        ],
        "irrelevance": [([SORT], f"How old is {n}?", []) for n in range(count)],
    }
    for category, own in rows.items():
        name = f"BFCL_{version}_{category}.json"
        ids = [f"{category}_{n}" for n in range(len(own))]
        questions = (
            {"id": i, "question": [[{"role": "user", "content": text}]], "function": functions}
            for i, (functions, text, _) in zip(ids, own, strict=True)
        )
        write_lines(folder / name, questions)
        if category != "irrelevance":
            answers = ({"id": i, "ground_truth": a} for i, (_, _, a) in zip(ids, own, strict=True))
            write_lines(folder / "possible_answer" / name, answers)
    return folder


def write_lines(path: Path, rows: Iterable[Any]) -> None:
    """A file of JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
